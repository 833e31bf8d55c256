/* Hidden memory: reads return ones; writes are dropped and counted, whichever instruction makes them. */
#include "hidden.h"

CASE(hidden_reads)
{
    if (!begin())
        return;
    check("hidden byte", READ(u8, base), 0xFF);
    check("hidden word", READ(u16, base + 1), 0xFFFF);
    check("hidden doubleword", READ(u32, base + 2), 0xFFFFFFFF);
    check("hidden quadword", READ(u64, base + 8), ONES);
    check("hidden quadword across pages", READ(u64, base + PAGE - 3), ONES);
    check("hidden last quadword", READ(u64, base + size - 8), ONES);
    u64 differing = 0;
    for (u64 at = base; at < base + size; at += PAGE)
        differing += READ(u64, at) != ONES || READ(u64, at + PAGE - 8) != ONES;
    check("hidden pages that do not read as ones", differing, 0);
    check_true("hidden pages read are counted", hypervisor_info(READS) >= 1);
}

/* `code` writes to %rdi, a hidden address: at least one write is counted, and the address still reads as ones. */
#define WRITE(name, at, code, ...)                                                                          \
    do {                                                                                                    \
        u64 writes_before = hypervisor_info(WRITES), target = (at);                                         \
        __asm__ volatile(code : "+D"(target) : "a"(0x1122334455667788ull), ##__VA_ARGS__ : "memory", "cc"); \
        check_true("counted: " name, hypervisor_info(WRITES) > writes_before);                              \
        check_ones("dropped: " name, at);                                                                   \
    } while (0)

CASE(hidden_writes)
{
    if (!begin())
        return;
    WRITE("MOV of a byte", base, "movb %%al, (%%rdi)");
    WRITE("MOV of a word", base, "movw %%ax, (%%rdi)");
    WRITE("MOV of a doubleword", base + 4, "movl %%eax, (%%rdi)");
    WRITE("MOV of a quadword", base + 8, "movq %%rax, (%%rdi)");
    WRITE("MOV of an immediate", base + 16, "movq $5, (%%rdi)");
    WRITE("MOV across pages", base + PAGE - 4, "movq %%rax, (%%rdi)");
    WRITE("INC", base + 24, "incl (%%rdi)");
    WRITE("OR", base + 32, "orl $0, (%%rdi)");
    WRITE("AND", base + 32, "andl $0, (%%rdi)");
    WRITE("LOCK ADD", base + 40, "lock addl $1, (%%rdi)");
    WRITE("LOCK BTR", base + 40, "lock btrl $3, (%%rdi)");
    WRITE("MOVS", base + 48, "movsb", "S"(0x7C00));
    WRITE("STOS", base + 56, "stosq");
    WRITE("SETcc", base + 72, "setne (%%rdi)");
    WRITE("MOVNTI", base + 80, "movnti %%rax, (%%rdi)");
    WRITE("FXSAVE", base + 512, "fxsave (%%rdi)");
    WRITE("SGDT", base + 88, "sgdt (%%rdi)");
    WRITE("last bytes", base + size - 8, "movq %%rax, (%%rdi)");
}

CASE(hidden_writes_with_results)
{
    if (!begin())
        return;
    u64 value = 5, target = base + 128;
    u8 zero = 0, carry = 1;
    __asm__ volatile("xchg %0, (%1)" : "+r"(value) : "r"(target) : "memory");
    check("XCHG reads ones", value, ONES);
    check_ones("XCHG: the write is dropped", target);
    __asm__ volatile("lock xadd %0, (%1)" : "+r"(value) : "r"(target) : "memory");
    check("XADD reads ones", value, ONES);
    __asm__ volatile("stc; incq (%2); setz %0; setc %1" : "=r"(zero), "=r"(carry) : "r"(target) : "memory", "cc");
    check("INC of ones is zero", zero, 1);
    check("INC leaves the carry", carry, 1);
    value = ONES;
    __asm__ volatile("lock cmpxchg %2, (%1); setz %0" : "=r"(zero), "+r"(target), "+r"(target), "+a"(value) : : "memory", "cc");
    check("CMPXCHG compares with ones", zero, 1);
    check_ones("CMPXCHG: the write is dropped", base + 128);
}

CASE(hidden_strings)
{
    if (!begin())
        return;
    u64 target = base + PAGE - 64, count = 32, writes = hypervisor_info(WRITES);
    __asm__ volatile("rep stosq" : "+D"(target), "+c"(count) : "a"(0) : "memory");
    check("REP STOS across pages: count", count, 0);
    check("REP STOS across pages: end", target, base + PAGE - 64 + 256);
    check_true("REP STOS counted", hypervisor_info(WRITES) > writes);
    u64 differing = 0;
    for (u64 at = base + PAGE - 64; at < target; at += 8)
        differing += READ(u64, at) != ONES;
    check("REP STOS: the writes are dropped", differing, 0);
    u64 source = base, end = base + 300;
    count = 100;
    __asm__ volatile("rep movsb" : "+D"(end), "+S"(source), "+c"(count) : : "memory");
    check("REP MOVS from hidden to hidden: end", end, base + 400);
    static u8 buffer[64];
    source = base, end = (u64)buffer, count = 64;
    __asm__ volatile("rep movsb" : "+D"(end), "+S"(source), "+c"(count) : : "memory");
    check("REP MOVS out of hidden memory", buffer[0] & buffer[63], 0xFF);
}

/* A write across the lower edge: the part below hidden memory is stored. */
CASE(hidden_edges)
{
    if (!begin())
        return;
    volatile u64 *edge = (volatile u64 *)(base - 4);
    READ(u32, base - 4) = 0;
    check("a read across the lower edge", *edge, 0xFFFFFFFF00000000);
    *edge = 0x1122334455667788;
    check("a write across the lower edge", *edge, 0xFFFFFFFF55667788);
    READ(u8, base - 1) = 0x5A;
    check("the byte below the edge is stored", READ(u8, base - 1), 0x5A);
    check("the first hidden byte is not", READ(u8, base), 0xFF);
}

CASE(hidden_stack)
{
    u64 popped = 0;

    if (!begin())
        return;
    __asm__ volatile("mov %%rsp, %%rbx; mov %1, %%rsp; push $5; pushq $6; pop %0; mov %%rsp, %%rcx; mov %%rbx, %%rsp"
                     : "=r"(popped)
                     : "r"(base + 4096 + 8)
                     : "rbx", "rcx", "memory");
    check("POP after PUSH to a hidden stack", popped, ONES);
    __asm__ volatile("mov %%rsp, %%rbx; mov %1, %%rsp; pushfq; pop %0; mov %%rbx, %%rsp"
                     : "=r"(popped)
                     : "r"(base + 256)
                     : "rbx", "memory");
    check("PUSHF to a hidden stack", popped, ONES);
    check("flags after it: no trap flag", read_flags() & 0x100, 0);
    check_ones("the hidden stack reads as ones", base + 4096);
}

static void jump_there(void *argument)
{
    ((void (*)(void))argument)();
}

CASE(hidden_execution)
{
    if (!begin())
        return;
    for (u64 at = base; at < base + size; at += size / 4) {
        check("an instruction fetched from hidden memory", outcome(attempt(jump_there, (void *)at)), (u64)VECTOR_UD << 32);
        check("its address", last.rip, at);
    }
}
