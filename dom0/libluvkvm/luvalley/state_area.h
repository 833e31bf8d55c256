/* The state area of the shared vCPU area: what vcpu_get and vcpu_set transfer, in the form of linux/kvm.h. */
#pragma once
#include "luvalley/luvalley.h"

/* vcpu_get or vcpu_set on what is in the area. */
int transfer_state(struct vcpu *vcpu, bool set, uint32_t what, uint32_t size);

int get_area(struct vcpu *vcpu, uint32_t what, void *data, uint32_t size);
int set_area(struct vcpu *vcpu, uint32_t what, const void *data, uint32_t size);
uint32_t get_xsave_size(void);
