/* Domains: made, ended, listed. */
#pragma once

#include "domu/domu.h"

/* A vCPU's handle is its domain's with its own index above. */
#define HANDLE_INDEX_MASK 0xFFFFull
#define HANDLE_USES_SHIFT 16
#define HANDLE_VCPU_SHIFT 48
#define HANDLE_DOMAIN_MASK ((1ull << HANDLE_VCPU_SHIFT) - 1)

/* 0 where there are no domUs: no pool, or not this processor. */
extern struct domain *domains;
extern struct vcpu *vcpus;              /* VCPUS_MAX, of all domains */

/* Once, when there is a pool. */
void domains_init(void);

/* Some of its end, under its lock: 0 when it is over, EAGAIN while there is more, or some vCPU of it is taken. */
u32 domain_end(struct cpu *cpu, struct domain *domain);
