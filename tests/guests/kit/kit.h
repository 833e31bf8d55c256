/* The interface for the cases of a guest. A case checks and records; its lines go to COM1, where pytest reads them. */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "generated/x86/regions.h"
#include "generated/x86/x86.h"

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

/* --- Reporting --- */

/* `ok NAME`, or `not ok NAME: got ..., wanted ...`. */
void check(const char *name, u64 got, u64 wanted);
void check_true(const char *name, bool right);
/* A line that must be the same on the bare machine and under Luvalley: `record NAME: VALUES`. */
void record(const char *name, u32 count, const u64 *values);
#define RECORD(name, ...) record(name, sizeof((u64[]){__VA_ARGS__}) / 8, (u64[]){__VA_ARGS__})
/* Bits that Luvalley may hide but not add: `subset NAME: VALUE`. */
void subset(const char *name, u64 value);
/* `figure NAME VALUE`: pytest compares it with a bound. */
void figure(const char *name, u64 value);
void print(const char *format, ...);
/* If Luvalley's build counts branches: print how often each exit and each branch was taken, for the record of a run. */
void print_counts(void);
void finish(void) __attribute__((noreturn));

/* A case; `case NAME` is printed before it. Cases run in the order of the linker. */
struct guest_case {
    const char *name;
    void (*run)(void);
};
#define CASE(identifier)                                                             \
    static void case_##identifier(void);                                             \
    static const struct guest_case entry_##identifier                                \
        __attribute__((used, section(".cases"))) = {#identifier, case_##identifier}; \
    static void case_##identifier(void)

/* --- Traps in long mode --- */

/* Interrupts that the kit uses. */
enum {
    VECTOR_TIMER = 0x30,
    VECTOR_IPI = 0x31,
    VECTOR_USER_EXIT = 0x80,
    VECTOR_SOFT = 0x81,
};

struct frame {
    u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx, rax;
    u64 vector, error, rip, cs, rflags, rsp, ss;
};

extern struct frame last;               /* the frame of the trap that ended the last attempt */
extern u64 last_cr2;
extern bool (*trap_hook)(struct frame *); /* called first; true: handled, return from the trap */

/* Run `code`; return the vector of the exception that ended it, or -1. */
int attempt(void (*code)(void *), void *argument);
/* The same in ring 3, 64-bit or 32-bit code. */
int attempt_user(void *code, void *argument);
int attempt_user32(void *code);
/* Vector and error code of an attempt, as one number: -1, or vector << 32 | error. */
u64 outcome(int vector);
void trap(struct frame *frame);
void traps_init(void);
void traps_load(void);
void set_ist(int vector, int index);    /* 0: none */
extern struct tss {
    u32 reserved;
    u64 rsp[3], zero, ist[7];
    u8 rest[20];
} __attribute__((packed)) tss;

struct gate {
    u16 low;
    u16 selector;
    u8 ist, type;
    u16 middle;
    u32 high, zero;
};
extern struct gate idt[256];
extern u64 gdt[];
enum { CODE64 = 0x08, DATA = 0x10, CODE32 = 0x18, WRAP32 = 0x48, TSS = 0x50 };

#define LABEL_OFFSET(code) (last.rip - (u64)(code))

/* --- Real mode, and protected mode without paging --- */

struct entry {
    u16 dx, ip, cs, ss, sp;
};
#define ENTRY ((volatile struct entry *)0x600)

struct probe {
    u32 vector, pushed, error, ip, flags, eax, ebx, ecx, edx, esi, edi;
    u16 es;
};
#define PROBE ((volatile struct probe *)0x640)
#define NO_TRAP 0xFFFFFFFFu

void real_run(u32 function);
void flat32_run(u32 function);
/* Run a function with exceptions caught; results in PROBE. */
void probe_real(const void *function);
void probe_flat32(const void *function);
/* One BIOS call with the registers in PROBE; its results and flags in PROBE. */
void bios(u8 interrupt);

/* --- Memory --- */

#define PAGE 4096u
void map_page(u64 linear, u64 physical, u64 flags); /* below 4 GiB, by 4 KiB; flags 0: not present */
u64 *page_directory(void);
#define PTE_DEFAULT (PAGE_ENTRY_PRESENT | PAGE_ENTRY_WRITE | PAGE_ENTRY_USER)

struct range {
    u64 base, length;
    u32 type, attributes;
};
struct memory_map {
    u32 count;
    struct range range[64];
};
const struct memory_map *read_e820(void);

/* --- Luvalley, if it runs this machine --- */

bool is_hypervised(void);
struct hypercall_result {
    int64_t status;
    u64 value;
};
struct hypercall_result hypercall(u32 number, u64 a, u64 b);  /* as root, from ring 3 */
u64 hypervisor_info(u32 which);
u64 hidden_base(void);
u64 hidden_size(void);

/* --- Processors --- */

extern volatile u32 ap_count;           /* arrivals */
void ap_main(u32 apic_id);
void init_cpu(u32 apic_id, u32 shorthand);
void start_cpu(u32 apic_id, u32 shorthand);

/* --- Instructions --- */

struct regs4 {
    u32 eax, ebx, ecx, edx;
};

static inline struct regs4 cpuid(u32 leaf, u32 subleaf)
{
    struct regs4 r;
    __asm__ volatile("cpuid" : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx) : "0"(leaf), "2"(subleaf));
    return r;
}

static inline u64 rdtsc(void)
{
    u32 low, high;
    __asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
    return (u64)high << 32 | low;
}

static inline u64 rdmsr(u32 msr)
{
    u32 low, high;
    __asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
    return (u64)high << 32 | low;
}

static inline void wrmsr(u32 msr, u64 value)
{
    __asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static inline void out8(u16 port, u8 value)
{
    __asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}
static inline u8 in8(u16 port)
{
    u8 value;
    __asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
    return value;
}

#define READ_REGISTER(name)                                                 \
    static inline u64 read_##name(void)                                     \
    {                                                                       \
        u64 value;                                                          \
        __asm__ volatile("mov %%" #name ", %0" : "=r"(value) : : "memory"); \
        return value;                                                       \
    }                                                                       \
    static inline void write_##name(u64 value)                              \
    {                                                                       \
        __asm__ volatile("mov %0, %%" #name : : "r"(value) : "memory");     \
    }
READ_REGISTER(cr0)
READ_REGISTER(cr2)
READ_REGISTER(cr3)
READ_REGISTER(cr4)
READ_REGISTER(cr8)
READ_REGISTER(dr0)
READ_REGISTER(dr6)
READ_REGISTER(dr7)

static inline u64 read_flags(void)
{
    u64 flags;
    __asm__ volatile("pushfq; pop %0" : "=r"(flags));
    return flags;
}

static inline void pause(void)
{
    __asm__ volatile("pause");
}

/* --- The local APIC, memory-mapped --- */

#define APIC ((volatile u8 *)LOCAL_APIC_BASE)
/* Commands: how to deliver, and to whom but one. */
#define ICR_SEND(what) (APIC_ICR_ASSERT | APIC_ICR_DELIVERY_##what << APIC_ICR_DELIVERY_SHIFT)
#define ICR_FIXED ICR_SEND(FIXED)
#define ICR_NMI ICR_SEND(NMI)
#define ICR_INIT ICR_SEND(INIT)
#define ICR_STARTUP ICR_SEND(STARTUP)
#define ICR_SELF (APIC_ICR_SHORTHAND_SELF << APIC_ICR_SHORTHAND_SHIFT)
#define ICR_OTHERS (APIC_ICR_SHORTHAND_OTHERS << APIC_ICR_SHORTHAND_SHIFT)
static inline u32 apic_read(u32 offset)
{
    return *(volatile u32 *)(APIC + offset);
}
static inline void apic_write(u32 offset, u32 value)
{
    *(volatile u32 *)(APIC + offset) = value;
}
void apic_init(void);                   /* on, the PIC's interrupts masked */
void apic_rest(void);                   /* the PIC's interrupts as the BIOS has them */
void apic_send(u32 apic_id, u32 command);
void delay(u64 ticks);
