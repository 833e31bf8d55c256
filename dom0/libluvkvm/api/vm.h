/* A virtual machine: what its descriptor stands for. */
#pragma once
#include <linux/kvm.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "backend.h"

#define MAX_VCPUS 64
#define MAX_SLOTS 512
#define MAX_ROUTES 4096
#define MAX_IOEVENTFDS 1024
#define MAX_IRQFDS 1024
#define MAX_ZONES 64

struct slot {
    uint64_t guest, size, user;
    uint32_t flags;
    uint64_t *written; /* a bit for each page, where a log is kept */
};

struct ioeventfd {
    struct kvm_ioeventfd request;
    int event; /* a duplicate: the VMM may close its own first */
};

struct irqfd {
    int event;
    uint32_t gsi;
};

struct vm {
    const struct backend *backend;
    void *own; /* the backend's */
    int fd;
    bool split; /* PIC and IOAPIC in the VMM, the local APIC here */

    struct vcpu *vcpus[MAX_VCPUS];
    _Atomic uint32_t vcpu_count;

    pthread_rwlock_t lock; /* of all below */
    struct slot slots[MAX_SLOTS];
    _Atomic uint32_t slots_version;
    uint32_t slot_end; /* after the last that has ever been used */
    uint32_t logged;   /* slots with a log */
    struct ioeventfd ioeventfds[MAX_IOEVENTFDS];
    uint32_t ioeventfd_count;
    struct kvm_coalesced_mmio_zone zones[MAX_ZONES];
    uint32_t zone_count;
    struct kvm_irq_routing_entry *routes;
    uint32_t route_count;
    struct irqfd irqfds[MAX_IRQFDS];
    uint32_t irqfd_count;
    int irqfd_epoll; /* -1 until the first */
    pthread_t irqfd_thread;
    int64_t clock_offset; /* of its clock, against CLOCK_MONOTONIC */
};

long create_vm(const struct backend *backend);
long answer_vm(struct vm *vm, unsigned long request, void *argument);
void destroy_vm(struct vm *vm);
