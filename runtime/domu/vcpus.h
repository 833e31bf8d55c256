/* vCPUs: made by a hypercall, and given back with their domain. */
#pragma once

#include "domu/domu.h"

/* All of a domain that nobody enters any more; false while one of them is taken. */
bool vcpus_free(struct cpu *cpu, struct domain *domain);
