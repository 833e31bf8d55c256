/* Messages between local APICs, and from IOAPICs and devices to them. SDM: 11.6, 11.11 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "lapic/apic.h"

struct vm;
struct vcpu;

struct message {
    uint8_t vector;
    uint8_t mode; /* APIC_ICR_DELIVERY_... */
    bool level;       /* level triggered */
    bool assert_line; /* false only for the old INIT de-assert */
    bool logical;
    bool one;         /* to one of those addressed: lowest priority */
    bool x2;          /* the destination has 32 bits */
    uint32_t destination;
};

/* Returns how many took it. */
int send_message(struct vm *vm, const struct message *message);

/* The interrupt command register was written. */
void send_ipi(struct vcpu *sender, uint32_t command, uint32_t destination);

/* A message-signalled interrupt. */
int send_msi(struct vm *vm, uint64_t address, uint32_t data);
