/* Repeated accesses of a port in one exit to the VMM. */
#pragma once
#include "luvalley/luvalley.h"

bool begin_batch(struct vcpu *vcpu);
void end_batch(struct vcpu *vcpu);
