/*
 * The instruction emulator compared with the processor: each encoding is executed natively on a page, then emulated with that page
 * as a device, from the same registers; registers, flags and memory must agree. Exit status 0 if all do.
 */
#include <cpuid.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "emulator/emulate.h"
#include "generated/x86/x86.h"
#include "memory/slots.h"
#include "tests.h"
#include "memory/written.h"

#define ROUNDS 300
#define PAGES 3
#define SIZE (PAGES * 4096)
#define STATUS 0x8D5ull
#define EXTENDED_PARTS 7u /* x87, SSE, AVX */
#define EXTENDED_BYTES 832u

/* Flags that are undefined after an instruction; features that it needs. */
enum { NO_AF = 1, ONLY_CF = 2, NO_OF = 4, NO_FLAGS = 8, ONLY_CF_OF = 16, NEEDS_AVX = 32, ONLY_ZF = 64 };

struct encoding {
    const uint8_t *code;
    const char *name;
    uint32_t size, flags;
};

extern const struct encoding encodings[];

uint8_t *device, *ram;
static uint8_t *code;
static bool has_avx;

/* --- What the emulator calls in the library: guest addresses are those of this process; the device's page is not memory --- */

static bool is_device(uint64_t guest)
{
    return guest - (uint64_t)device < SIZE;
}

void *find_memory(struct vm *vm, uint64_t guest, bool write, size_t *left)
{
    (void)vm;
    (void)write;
    *left = 4096;
    return is_device(guest) ? NULL : (void *)guest;
}

uint32_t get_slots_version(struct vm *vm)
{
    (void)vm;
    return 1;
}

/* There is no log of written pages here. */
void note_written(struct vm *vm, uint64_t guest, size_t size)
{
    (void)vm;
    (void)guest;
    (void)size;
}

bool read_memory(struct vm *vm, uint64_t guest, void *data, size_t size)
{
    (void)vm;
    memcpy(data, (void *)guest, size);
    return true;
}

/* --- Native: load the registers, the instruction, store them; vectors too --- */

uint8_t native_extended[4096] __attribute__((aligned(64)));
static uint8_t extended[4096] __attribute__((aligned(64))); /* the emulator's */
uint32_t extended_parts;
uint64_t own_stack, other_stack;
static sigjmp_buf divided;

__asm__(".pushsection .data\n"
        "enter: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rdi\n"
        "mov extended_parts, %eax; xor %edx, %edx; xrstor64 native_extended; mov %rsp, own_stack; pushq 0x88(%rdi); popfq\n"
        "mov (%rdi), %rax; mov 8(%rdi), %rbx; mov 0x10(%rdi), %rcx; mov 0x18(%rdi), %rdx; mov 0x20(%rdi), %rsi; mov "
        "0x38(%rdi), %rbp\n"
        "mov 0x40(%rdi), %r8; mov 0x48(%rdi), %r9; mov 0x50(%rdi), %r10; mov 0x58(%rdi), %r11; mov 0x60(%rdi), %r12\n"
        "mov 0x68(%rdi), %r13; mov 0x70(%rdi), %r14; mov 0x78(%rdi), %r15; mov 0x30(%rdi), %rsp; mov 0x28(%rdi), %rdi\n"
        "enter_end:\n"
        "leave_here: mov %rsp, other_stack; mov own_stack, %rsp; push %rdi; mov 8(%rsp), %rdi; pushfq; popq 0x88(%rdi)\n"
        "mov %rax, (%rdi); mov %rbx, 8(%rdi); mov %rcx, 0x10(%rdi); mov %rdx, 0x18(%rdi); mov %rsi, 0x20(%rdi); mov %rbp, "
        "0x38(%rdi)\n"
        "mov %r8, 0x40(%rdi); mov %r9, 0x48(%rdi); mov %r10, 0x50(%rdi); mov %r11, 0x58(%rdi); mov %r12, 0x60(%rdi)\n"
        "mov %r13, 0x68(%rdi); mov %r14, 0x70(%rdi); mov %r15, 0x78(%rdi); pop %rax; mov %rax, 0x28(%rdi)\n"
        "mov other_stack, %rax; mov %rax, 0x30(%rdi)\n"
        "mov extended_parts, %eax; xor %edx, %edx; xsave64 native_extended; fninit\n"
        "pop %rdi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; cld; ret\n"
        "leave_end:\n"
        ".popsection\n");

extern const uint8_t enter[], enter_end[], leave_here[], leave_end[];

static void on_division(int number)
{
    (void)number;
    siglongjmp(divided, 1);
}

static void catch_division(void)
{
    static uint8_t stack[65536];
    stack_t place = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_handler = on_division, .sa_flags = SA_ONSTACK};

    sigaltstack(&place, NULL);
    sigaction(SIGFPE, &action, NULL);
}

/* Returns false after a division error. */
static bool run_native(const struct encoding *encoding, struct kvm_regs *registers)
{
    uint8_t *end = code;

    end = mempcpy(end, enter, (size_t)(enter_end - enter));
    end = mempcpy(end, encoding->code, encoding->size);
    mempcpy(end, leave_here, (size_t)(leave_end - leave_here));
    if (sigsetjmp(divided, 1))
        return false;
    ((void (*)(struct kvm_regs *))code)(registers);
    return true;
}

/* --- Emulated: devices' accesses done on the page --- */

const struct luv_mode mode = {.cr0 = 1, .efer = 1 << 10, .cs_rights = 1 << 13};

static uint8_t *get_xsave(void *owner)
{
    return owner;
}

static void set_xsave(void *owner)
{
    (void)owner;
}

enum emulated run_with_memory(struct emulation *emulation)
{
    for (;;) {
        enum emulated outcome = emulate(emulation);

        if (outcome == EMULATED_AGAIN)
            continue;
        if (outcome != EMULATED_ACCESS || !emulation->access.memory)
            return outcome;
        memcpy(emulation->access.write ? (void *)emulation->access.address : &emulation->access.value,
               emulation->access.write ? (void *)&emulation->access.value : (void *)emulation->access.address,
               emulation->access.size);
        answer_emulation(emulation);
    }
}

static bool run_emulated(const struct encoding *encoding, struct kvm_regs *registers, bool divides)
{
    static const struct owner_state owner_state = {.get_xsave = get_xsave, .set_xsave = set_xsave};
    struct emulation emulation;
    enum emulated outcome;

    registers->rip = (uint64_t)encoding->code;
    begin_emulation(&emulation, NULL, registers, &mode);
    emulation.owner_state = &owner_state;
    emulation.owner = extended;
    outcome = run_with_memory(&emulation);
    if (!divides)
        return outcome == EMULATED_FAULT && emulation.fault.vector == 0 && !emulation.fault.has_code;
    return outcome == EMULATED_DONE && registers->rip == (uint64_t)encoding->code + encoding->size;
}

/* --- One case --- */

static uint64_t draw(void)
{
    static const uint64_t edges[] = {0, 1, ~0ull, 0x7F, 0x80, 0x7FFFFFFF, 0x80000000, 1ull << 63};
    uint64_t value = (uint64_t)random() << 42 ^ (uint64_t)random() << 21 ^ (uint64_t)random();

    return random() % 4 ? value : edges[random() % 8];
}

static void draw_case(struct kvm_regs *registers, uint8_t *pages)
{
    uint64_t *all = (uint64_t *)registers;

    for (int i = 0; i < 16; i++)
        all[i] = draw();
    for (unsigned i = 0; i < EXTENDED_BYTES; i += 8)
        *(uint64_t *)(extended + i) = draw();
    memcpy(extended, (uint16_t[]){0x37F, (uint16_t)(random() & 0x3800)}, 4); /* no x87 exception is pending or unmasked */
    memcpy(extended + 24, (uint32_t[]){0x1F80, 0xFFFF}, 8);
    memset(extended + 512, 0, 64);
    extended[512] = (uint8_t)extended_parts;
    memcpy(native_extended, extended, EXTENDED_BYTES);
    for (int i = 0; i < SIZE; i += 8)
        *(uint64_t *)(pages + i) = draw();
    registers->rdi = (uint64_t)device + 4096 + (uint64_t)(random() % 2 ? 2048 : 4090);
    registers->rsi = (uint64_t)(random() % 2 ? ram : device) + 4096 + (uint64_t)(random() % 64);
    registers->rsp = (uint64_t)(random() % 2 ? ram : device) + 4096 + (uint64_t)(random() % 512);
    registers->rcx = (uint64_t)(random() % 6);
    if (random() % 2)
        registers->rdx = 0; /* for quotients */
    registers->r13 = (uint64_t)(random() % 2 ? random() % 4096 : -(random() % 4096));
    registers->rflags = 2 | (draw() & STATUS) | (random() % 4 ? 0 : RFLAGS_DF);
    if (random() % 3 == 0) /* what CMPXCHG compares with, and CMPXCHG8B */
        memcpy((void *)registers->rdi, &registers->rax, 8);
    if (random() % 3 == 0)
        memcpy((void *)registers->rdi, (uint32_t[]){(uint32_t)registers->rax, (uint32_t)registers->rdx}, 8);
}

static uint64_t get_defined(uint32_t flags)
{
    uint64_t defined = flags & ONLY_CF ? RFLAGS_CF
        : flags & ONLY_CF_OF           ? RFLAGS_CF | RFLAGS_OF
        : flags & ONLY_ZF              ? 0x40
        : flags & NO_FLAGS             ? 0
                                       : STATUS;

    return defined & ~(flags & NO_AF ? RFLAGS_AF : 0) & ~(flags & NO_OF ? RFLAGS_OF : 0);
}

/* Compares control, status and tag words and the 10 bytes of each x87 register, not the address of the last x87 instruction. */
static bool is_extended_equal(void)
{
    for (unsigned i = 0; i < 8; i++)
        if (memcmp(extended + 32 + i * 16, native_extended + 32 + i * 16, 10))
            return false;
    return !memcmp(extended + 2, native_extended + 2, 3) && !memcmp(extended + 160, native_extended + 160, 256) &&
        (!has_avx || !memcmp(extended + 576, native_extended + 576, 256));
}

static bool is_equal(const struct encoding *encoding, const struct kvm_regs *native, const struct kvm_regs *emulated)
{
    return !memcmp(native, emulated, offsetof(struct kvm_regs, rip)) && is_extended_equal() &&
        !((native->rflags ^ emulated->rflags) & get_defined(encoding->flags));
}

static bool try_once(const struct encoding *encoding)
{
    static uint8_t start[2][SIZE], after[2][SIZE];
    struct kvm_regs native, emulated;
    bool divides;

    draw_case(&native, device);
    memcpy(start[0], device, SIZE);
    memcpy(start[1], ram, SIZE);
    emulated = native;
    divides = run_native(encoding, &native);
    memcpy(after[0], device, SIZE);
    memcpy(after[1], ram, SIZE);
    memcpy(device, start[0], SIZE);
    memcpy(ram, start[1], SIZE);
    if (!run_emulated(encoding, &emulated, divides) || memcmp(device, after[0], SIZE) || memcmp(ram, after[1], SIZE))
        return false;
    return !divides || is_equal(encoding, &native, &emulated);
}

static uint8_t *get_pages(int rights)
{
    return mmap(NULL, SIZE, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}

/* Return true if this processor has the features that the instruction needs (AVX enabled by its kernel). */
static void find_parts(void)
{
    uint32_t eax, ebx, ecx, edx;

    __cpuid(1, eax, ebx, ecx, edx);
    has_avx = ecx & bit_AVX && ecx & bit_OSXSAVE;
    extended_parts = has_avx ? EXTENDED_PARTS : EXTENDED_PARTS & 3;
}

int main(void)
{
    unsigned count = 0, bad = 0;

    device = get_pages(PROT_READ | PROT_WRITE);
    ram = get_pages(PROT_READ | PROT_WRITE);
    code = get_pages(PROT_READ | PROT_WRITE | PROT_EXEC);
    find_parts();
    catch_division();
    for (const struct encoding *encoding = encodings; encoding->code; encoding++, count++) {
        int round = encoding->flags & NEEDS_AVX && !has_avx ? ROUNDS : 0;

        while (round < ROUNDS && try_once(encoding))
            round++;
        if (round < ROUNDS && ++bad)
            printf("differs: %s\n", encoding->name);
    }
    printf("%u encodings, %u differ\n", count, bad);
    test_jumps();
    test_segments();
    test_stack();
    return bad || !count;
}
