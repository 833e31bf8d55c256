/* INIT and SIPI: how processors are started. SDM: 9.1.1, 9.4 */
#pragma once

struct vcpu;

/* Do what has arrived. */
void start_up(struct vcpu *vcpu);
