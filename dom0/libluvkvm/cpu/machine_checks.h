/* The machine check registers, of which the VMM says how many banks there are. Nothing ever reports in them. SDM: 17.3 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

struct vcpu;

/* Of other registers: yes. False: #GP. */
bool has_machine_check(const struct vcpu *vcpu, uint32_t index);
bool may_write_machine_check(const struct vcpu *vcpu, uint32_t index, uint64_t value);
