/* The interface for cases: a domain with one superpage of memory, its vCPUs, and checks. */
#pragma once
#include <errno.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "calls.h"
#include "generated/x86/x86.h"

#define PAGE 4096ul
#define SUPERPAGE (2ul << 20)
#define MAX_VCPUS 4
#define ROUNDS 2000 /* returns with "interrupted" after which a case fails */
/* Events as the run page has them. */
#define EVENT(type, vector) (LUV_EVENT_VALID | (uint32_t)(type) * (LUV_EVENT_TYPE & -LUV_EVENT_TYPE) | (vector))
#define INTERRUPT(vector) EVENT(LUV_EVENT_TYPE_EXTERNAL, vector)
#define NMI EVENT(LUV_EVENT_TYPE_NMI, VECTOR_NMI)
#define FAULT(vector) (EVENT(LUV_EVENT_TYPE_HARDWARE, vector) | LUV_EVENT_ERROR_CODE)

struct processor {
    uint64_t handle;
    const struct domain *domain;
    uint8_t *block;
    volatile uint8_t *exit_now;
    volatile struct luv_run *run;
    uint8_t *state;
};

struct domain {
    uint64_t handle, secret[2];
    uint8_t *memory; /* guest address 0, one superpage */
    uint8_t *shared_areas; /* the superpage of the shared vCPU areas */
    uint64_t memory_superpage, shared_superpage;
    unsigned count;
    struct processor processors[MAX_VCPUS];
};

/* Ends the case. */
__attribute__((noreturn, format(printf, 3, 4))) void fail(const char *file, int line, const char *format, ...);

#define CHECK(condition, ...)                      \
    do {                                           \
        if (!(condition))                          \
            fail(__FILE__, __LINE__, __VA_ARGS__); \
    } while (0)
#define EQUAL(value, expected) check_equal(__FILE__, __LINE__, #value, (uint64_t)(value), (uint64_t)(expected))
#define STATUS(result, expected) check_status(__FILE__, __LINE__, #result, (result).status, expected)

void check_equal(const char *file, int line, const char *what, uint64_t value, uint64_t expected);
void check_status(const char *file, int line, const char *what, int64_t status, int64_t expected);

/* --- pool.c: superpages of the first pool, seen through its device --- */
uint8_t *reserve(uint64_t size, uint64_t alignment);
uint8_t *map_superpage(uint64_t superpage);                   /* every page present and writable */
uint8_t *map_superpage_at(void *place, uint64_t superpage, bool write);
const uint8_t *find_proof(void);                      /* an address that a page of the pool backs */
struct result call_domain(const struct domain *domain, uint32_t number, uint64_t second, uint64_t third, uint64_t fourth);
struct result claim(const struct domain *domain, uint64_t hint); /* repeats after EAGAIN */
uint64_t claim_superpage(const struct domain *domain);              /* must succeed */
void map_memory(const struct domain *domain, uint64_t guest, const void *address, uint64_t size, unsigned rights);
void unmap_memory(const struct domain *domain, uint64_t guest, uint64_t size);
void destroy(const struct domain *domain);

/* --- machine.c --- */
struct result create_domain(struct domain *domain, uint64_t flags, const void *proof); /* with a new secret */
void make_domain(struct domain *domain);                                              /* memory, a vCPU */
struct processor *make_processor(struct domain *domain, uint32_t apic_id);
void load(struct domain *domain, const uint8_t *start, const uint8_t *end); /* at CODE */
#define LOAD(domain, name)                                         \
    do {                                                           \
        extern const uint8_t guest_##name[], guest_##name##_end[]; \
        load(domain, guest_##name, guest_##name##_end);            \
    } while (0)
struct result enter(struct processor *processor);           /* one vcpu_run */
uint32_t run(struct processor *processor);                 /* until an exit other than "interrupted"; returns its kind */
uint32_t step(struct processor *processor);                /* the same, after completing the last exit's instruction */
void expect_exit(const char *file, int line, struct processor *processor, uint32_t kind, uint32_t expected);
#define RUN(processor, expected) expect_exit(__FILE__, __LINE__, processor, run(processor), LUV_EXIT_##expected)
#define STEP(processor, expected) expect_exit(__FILE__, __LINE__, processor, step(processor), LUV_EXIT_##expected)
void get_state(struct processor *processor, uint32_t what, void *data, uint32_t size);
void set_state(struct processor *processor, uint32_t what, const void *data, uint32_t size);
struct result try_set(struct processor *processor, uint32_t what, const void *data, uint32_t size);
uint64_t get_msr(struct processor *processor, uint32_t index);
void set_msr(struct processor *processor, uint32_t index, uint64_t value);

/* --- modes.c: addresses in the guest's memory, and initial states --- */
enum {
    CODE = 0x1000,
    STUBS = 0x4000,
    STACK = 0x8000,
    DATA = 0x9000,
    FAULT_STACK = 0xA000,
    TABLE4 = 0x10000,
    TABLE3 = 0x11000,
    TABLE2 = 0x12000,
    PAE_TABLE3 = 0x13000,
    TABLE_32 = 0x14000,
    GDT = 0x15000,
    IDT = 0x16000,
    TSS = 0x17000,
    TSS_OTHER = 0x18000,
    TABLE2_OTHER = 0x19000
};
enum {
    SELECT_CODE64 = 0x08,
    SELECT_DATA = 0x10,
    SELECT_CODE32 = 0x18,
    SELECT_USER32 = 0x23,
    SELECT_USER_DATA = 0x2B,
    SELECT_TSS = 0x30,
    SELECT_TSS_OTHER = 0x40
};
enum { TRAP_PORT = 0xE0 }; /* the handler of every gate is an OUT to this port */
enum mode { REAL, PROTECTED, PAGED, PAE, LONG };
void begin(struct processor *processor, enum mode mode);
void begin_user(struct processor *processor); /* PROTECTED at privilege level 3 */
void reach_second_gigabyte(struct domain *domain); /* linear address 1 GiB is guest address 1 GiB, for 2 MiB; in LONG */
int find_vector(struct processor *processor); /* of the gate whose OUT was the last exit, else -1 */

/* --- cases --- */
/* clang-format moves a list like this one on every run. */
/* clang-format off */
#define CASES(X) \
    X(info) X(reset_state) X(out) X(in) X(string_io) X(mmio) X(read_only) X(first_touch) X(cpuid) X(halt) X(msr_exits) \
    X(machine_msrs) X(xsetbv) X(hypercall) X(exceptions) X(hidden_features) X(task_switch) X(modes) X(registers) \
    X(registers_of_dom0) X(control_registers) X(extended_state) X(debug_registers_of_dom0) X(tsc) X(timer) \
    X(leave_now) X(window) X(halt_and_interrupt) X(tpr) X(nmi) X(shadows) X(broken_delivery) X(alignment_loop) \
    X(debug_loop) X(triple_fault) X(absurd_controls) X(nowhere) X(refused_entry) X(refused_state) X(counts) \
    X(bad_arguments) X(blocks) X(rights) X(frames) X(exhaustion) X(killed_owners) X(migration) X(slot_removal) \
    X(two_domains) X(busy_vcpu) X(births) X(written_pages) X(written_meanwhile)
/* clang-format on */
#define DECLARE(name) void case_##name(void);
CASES(DECLARE)
#undef DECLARE
