/* One thread of the VM waits for all event descriptors that are interrupts. */
#include <errno.h>
#include <signal.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "api/events.h"
#include "api/kick.h"
#include "api/log.h"
#include "api/vm.h"

#define GSI(data) ((uint32_t)(data))
#define EVENT(data) ((int)((data) >> 32))

/* An event is read first and sent then: what comes in between is another event. */
static void pass_event(struct vm *vm, uint64_t data)
{
    uint64_t count;

    if (read(EVENT(data), &count, sizeof count) == sizeof count)
        raise_gsi(vm, GSI(data), true);
}

static void *wait_for_events(void *argument)
{
    struct vm *vm = argument;
    struct epoll_event events[16];

    for (;;) {
        int found = epoll_wait(vm->irqfd_epoll, events, 16, -1);

        if (found < 0 && errno != EINTR)
            return NULL;
        for (int i = 0; i < found; i++)
            pass_event(vm, events[i].data.u64);
    }
}

static long start_thread(struct vm *vm)
{
    sigset_t open;
    int error;

    if (vm->irqfd_epoll >= 0)
        return 0;
    vm->irqfd_epoll = epoll_create1(EPOLL_CLOEXEC);
    if (vm->irqfd_epoll < 0)
        return -errno;
    hold_signals(&open); /* the thread inherits it: signals are the VMM's threads' */
    error = pthread_create(&vm->irqfd_thread, NULL, wait_for_events, vm);
    release_signals(&open);
    return -error;
}

static long add_irqfd(struct vm *vm, const struct kvm_irqfd *request)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)request->fd << 32 | request->gsi};
    long error = start_thread(vm);

    if (error)
        return error;
    if (vm->irqfd_count == MAX_IRQFDS)
        return -ENOSPC;
    if (epoll_ctl(vm->irqfd_epoll, EPOLL_CTL_ADD, (int)request->fd, &event))
        return errno == EEXIST ? -EBUSY : -errno;
    vm->irqfds[vm->irqfd_count++] = (struct irqfd){(int)request->fd, request->gsi};
    return 0;
}

static long remove_irqfd(struct vm *vm, const struct kvm_irqfd *request)
{
    for (uint32_t i = 0; i < vm->irqfd_count; i++) {
        if (vm->irqfds[i].event != (int)request->fd || vm->irqfds[i].gsi != request->gsi)
            continue;
        epoll_ctl(vm->irqfd_epoll, EPOLL_CTL_DEL, (int)request->fd, NULL);
        vm->irqfds[i] = vm->irqfds[--vm->irqfd_count];
        return 0;
    }
    return 0; /* as KVM: taking away what is not there is no error */
}

long set_irqfd(struct vm *vm, const struct kvm_irqfd *request)
{
    long result;

    if (request->flags & KVM_IRQFD_FLAG_RESAMPLE) {
        log_once(request->flags, "irqfd with resampling is not offered: EINVAL");
        return -EINVAL;
    }
    pthread_rwlock_wrlock(&vm->lock);
    result = (request->flags & KVM_IRQFD_FLAG_DEASSIGN ? remove_irqfd : add_irqfd)(vm, request);
    pthread_rwlock_unlock(&vm->lock);
    return result;
}
