#define _GNU_SOURCE
#include "api/kick.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "api/log.h"
#include "api/vcpu.h"

#define KICK (SIGRTMIN + 5)

#ifndef sigev_notify_thread_id
#define sigev_notify_thread_id _sigev_un._tid
#endif

static __thread struct vcpu *current;

/* Also the timer's. The VMM's own signal does the rest of what ends a wait. */
static void on_kick(int signal)
{
    (void)signal;
    if (!current)
        return;
    atomic_store(&current->work, true);
    __atomic_fetch_or(&current->run->immediate_exit, KICKED, __ATOMIC_RELAXED);
}

static void install_handler(void)
{
    struct sigaction action = {.sa_handler = on_kick, .sa_flags = SA_RESTART};

    sigfillset(&action.sa_mask);
    sigaction(KICK, &action, NULL);
}

static void create_timer(struct vcpu *vcpu)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = KICK};

    event.sigev_notify_thread_id = (int)syscall(SYS_gettid);
    if (vcpu->adopted)
        timer_delete(vcpu->timer);
    if (timer_create(CLOCK_MONOTONIC, &event, &vcpu->timer))
        log_line("a processor's timer cannot be made: its guest will hang");
}

static noinline void adopt_new_thread(struct vcpu *vcpu)
{
    sigset_t kick;

    install_handler();
    create_timer(vcpu);
    vcpu->thread = pthread_self();
    vcpu->adopted = true;
    vcpu->apic.armed_late = true;
    current = vcpu;
    sigemptyset(&kick);
    sigaddset(&kick, KICK);
    pthread_sigmask(SIG_UNBLOCK, &kick, NULL);
    atomic_store(&vcpu->work, true);
}

void adopt_thread(struct vcpu *vcpu)
{
    if (current != vcpu)
        adopt_new_thread(vcpu);
}

/* One signal is enough: who finds it reachable sends it, and the next finds it on its way. */
void kick_vcpu(struct vcpu *vcpu)
{
    atomic_store(&vcpu->work, true);
    if (vcpu != current && atomic_exchange(&vcpu->reachable, false))
        pthread_kill(vcpu->thread, KICK);
}

void hold_signals(sigset_t *open)
{
    sigset_t all;

    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, open);
}

void release_signals(const sigset_t *open)
{
    pthread_sigmask(SIG_SETMASK, open, NULL);
}

bool is_exit_requested(const struct vcpu *vcpu)
{
    return *(volatile const uint8_t *)&vcpu->run->immediate_exit & (uint8_t)~KICKED;
}

noinline void wait_for_kick(struct vcpu *vcpu)
{
    sigset_t open;

    hold_signals(&open);
    atomic_store(&vcpu->reachable, true);
    if (!atomic_load(&vcpu->work) && !is_exit_requested(vcpu))
        sigsuspend(&open);
    atomic_store(&vcpu->reachable, false);
    release_signals(&open);
}
