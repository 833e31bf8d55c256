/* A domain's frames: claimed and released by hypercalls, under its lock; and all of them when it ends. */
#pragma once

#include "domu/domu.h"

/* Gives back some of what a domain owns that no CPU uses any more; true: that was all. */
bool superpages_free(struct domain *domain);
