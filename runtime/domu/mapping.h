/* Guest memory: what of a domain's frames its guests see, and where. By hypercalls, which say how far they came. */
#pragma once

#include "domu/domu.h"

/* Whether no CPU uses what was taken out of the tables before. */
bool domain_is_flushed(const struct domain *domain);
