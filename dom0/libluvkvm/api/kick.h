/* Reaching a processor that runs or waits in another thread. */
#pragma once
#include <signal.h>
#include <stdbool.h>

struct vcpu;

/* A bit of kvm_run.immediate_exit beside the VMM's own (0): a signal of the library's has come. */
#define KICKED 2u

/* Make this the processor's thread: its signal, its timer. */
void adopt_thread(struct vcpu *vcpu);

/* Something has changed: its loop looks at it before the guest's next instruction. From any thread. */
void kick_vcpu(struct vcpu *vcpu);

/* Hold all signals back, and let them through again. In between no handler runs, so what was read stays true until
 * a call that lets signals through by itself. */
void hold_signals(sigset_t *open);
void release_signals(const sigset_t *open);

/* Wait until kicked or signalled; returns at once if there is work or an exit is requested. */
void wait_for_kick(struct vcpu *vcpu);

/* Does the VMM request that KVM_RUN return? */
bool is_exit_requested(const struct vcpu *vcpu);
