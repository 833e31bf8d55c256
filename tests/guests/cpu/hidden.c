/* The hypervisor's memory as the guest meets it: all ones to read, writes vanish and are counted. */
#include "kit.h"

#define ONES (~0ull)
#define WRITES 6
#define READS 5

static u64 base, size;

#define READ(type, at) (*(volatile type *)(at))

static void check_ones(const char *name, u64 at)
{
	check(name, READ(u64, at), ONES);
}

static bool begin(void)
{
	if (!is_hypervised())
		return false;
	base = hidden_base();
	size = hidden_size();
	return true;
}

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
	check("hidden pages that show something", differing, 0);
	check_true("hidden pages read are counted", hypervisor_info(READS) >= 1);
}

/* `code` writes to %rdi, a hidden address; it counts as one write or more, and nothing is there afterwards. */
#define WRITE(name, at, code, ...)                                                                        \
	do {                                                                                              \
		u64 writes_before = hypervisor_info(WRITES), target = (at);                               \
		__asm__ volatile(code : "+D"(target) : "a"(0x1122334455667788ull), ##__VA_ARGS__ : "memory", "cc"); \
		check_true("counted: " name, hypervisor_info(WRITES) > writes_before);                    \
		check_ones("vanished: " name, at);                                                        \
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
	check("XCHG returns ones", value, ONES);
	check_ones("XCHG vanished", target);
	__asm__ volatile("lock xadd %0, (%1)" : "+r"(value) : "r"(target) : "memory");
	check("XADD returns ones", value, ONES);
	__asm__ volatile("stc; incq (%2); setz %0; setc %1" : "=r"(zero), "=r"(carry) : "r"(target) : "memory", "cc");
	check("INC of ones is zero", zero, 1);
	check("INC leaves the carry", carry, 1);
	value = ONES;
	__asm__ volatile("lock cmpxchg %2, (%1); setz %0" : "=r"(zero), "+r"(target), "+r"(target), "+a"(value) : : "memory", "cc");
	check("CMPXCHG finds ones", zero, 1);
	check_ones("CMPXCHG vanished", base + 128);
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
	check("REP STOS vanished", differing, 0);
	u64 source = base, end = base + 300;
	count = 100;
	__asm__ volatile("rep movsb" : "+D"(end), "+S"(source), "+c"(count) : : "memory");
	check("REP MOVS from hidden to hidden: end", end, base + 400);
	static u8 buffer[64];
	source = base, end = (u64)buffer, count = 64;
	__asm__ volatile("rep movsb" : "+D"(end), "+S"(source), "+c"(count) : : "memory");
	check("REP MOVS out of hidden memory", buffer[0] & buffer[63], 0xFF);
}

/* The part of a write that lies below hidden memory counts. */
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
	check("the byte below is memory", READ(u8, base - 1), 0x5A);
	check("and the first hidden one is not", READ(u8, base), 0xFF);
}

CASE(hidden_stack)
{
	u64 popped = 0;

	if (!begin())
		return;
	__asm__ volatile("mov %%rsp, %%rbx; mov %1, %%rsp; push $5; pushq $6; pop %0; mov %%rsp, %%rcx; mov %%rbx, %%rsp"
	                 : "=r"(popped) : "r"(base + 4096 + 8) : "rbx", "rcx", "memory");
	check("POP after PUSH to a hidden stack", popped, ONES);
	__asm__ volatile("mov %%rsp, %%rbx; mov %1, %%rsp; pushfq; pop %0; mov %%rbx, %%rsp"
	                 : "=r"(popped) : "r"(base + 256) : "rbx", "memory");
	check("PUSHF to a hidden stack", popped, ONES);
	check("flags after it: no trap flag", read_flags() & 0x100, 0);
	check_ones("hidden stack shows nothing", base + 4096);
}

static void jump_there(void *argument) { ((void (*)(void))argument)(); }
static void write_there(void *argument) { *(volatile u64 *)argument = 1; }
static void touch(void *argument) { *(volatile u64 *)argument; }

CASE(hidden_execution)
{
	if (!begin())
		return;
	for (u64 at = base; at < base + size; at += size / 4) {
		check("an instruction fetched from hidden memory", outcome(attempt(jump_there, (void *)at)), (u64)VECTOR_UD << 32);
		check("its address", last.rip, at);
	}
}

static u32 interrupts;
static bool count_interrupt(struct frame *frame)
{
	if (++interrupts > 50)
		return false;
	if (frame->vector == VECTOR_IPI)
		apic_write(APIC_EOI, 0);
	if (frame->vector == VECTOR_DB)
		write_dr6(0xFFFF0FF0);
	return frame->vector == VECTOR_IPI || frame->vector == VECTOR_DB || frame->vector == VECTOR_NMI;
}

/* Interrupts and the guest's own single steps around a write that vanishes. */
CASE(hidden_writes_and_events)
{
	u64 target;

	if (!begin())
		return;
	apic_init();
	trap_hook = count_interrupt;
	interrupts = 0;
	apic_send(0, ICR_SELF | ICR_FIXED | VECTOR_IPI);
	target = base;
	__asm__ volatile("sti; movq $1, (%0); nop; cli" : : "r"(target) : "memory");
	check("an interrupt pending over a write that vanishes", interrupts, 1);
	check("interrupts are off again", read_flags() & 0x200, 0);
	interrupts = 0;
	__asm__ volatile("pushfq; orq $0x100, (%%rsp); popfq; movq $1, (%0); nop; pushfq; andq $~0x100, (%%rsp); popfq"
	                 : : "r"(target) : "memory", "cc");
	check("single steps over a write that vanishes", interrupts, 5);
	interrupts = 0;
	apic_send(0, ICR_NMI);
	for (u32 i = 0; i < 10; i++)
		READ(u64, base + 8 * i) = i;
	check("an NMI among writes that vanish", interrupts, 1);
	apic_send(0, ICR_NMI);
	check("and another", interrupts, 2);
	check_ones("nothing there", base);
	write_dr0(base + 64);
	write_dr7(0xD0401);
	interrupts = 0;
	READ(u64, base + 64) = 1;
	write_dr7(0x400);
	check("a data breakpoint on a write that vanishes", interrupts, 1);
}

/* The write faults for another reason: that is what the guest gets. */
CASE(hidden_writes_that_fault)
{
	if (!begin())
		return;
	map_page(0x40000000, base, PTE_P | PTE_U);
	write_cr0(read_cr0() | 0x10000);
	check("a write to hidden memory that the guest's tables forbid", outcome(attempt(write_there, (void *)0x40000000ull)),
	      (u64)VECTOR_PF << 32 | 3);
	check("the same by ring 3", outcome(attempt_user(write_there, (void *)0x40000000ull)), (u64)VECTOR_PF << 32 | 7);
	write_cr0(read_cr0() & ~0x10000ull);
	map_page(0x40000000, base, PTE_DEFAULT);
	check("ring 3 writes to hidden memory", outcome(attempt_user(write_there, (void *)0x40000000ull)), outcome(-1));
	check_ones("and that vanishes", base);
}

static void copy(void *argument)
{
	u64 *registers = argument;

	__asm__ volatile("rep movsb" : "+S"(registers[0]), "+D"(registers[1]), "+c"(registers[2]) : : "memory");
}

CASE(hidden_copy_that_faults)
{
	if (!begin())
		return;
	map_page(0x40000000, 0x7000, PTE_DEFAULT);
	map_page(0x40001000, 0, 0);
	static u64 registers[3];
	registers[0] = 0x40000FF8, registers[1] = base, registers[2] = 16;
	check("a copy to hidden memory whose source ends", outcome(attempt(copy, registers)), (u64)VECTOR_PF << 32);
	check("where it faulted", last_cr2, 0x40001000);
	check("how much was left", last.rcx, 8);
	check_ones("nothing of it is there", base);
}

/* Page tables there: as if memory full of ones were a table. Bare, memory full of ones is. */
static u64 *ones_page(void)
{
	static u64 page[512] __attribute__((aligned(4096)));

	for (u32 i = 0; i < 512; i++)
		page[i] = ONES;
	return page;
}

CASE(hidden_page_table)
{
	u64 *entry = &page_directory()[0x60000000 / 0x200000], kept = *entry;
	u64 table = is_hypervised() ? hidden_base() : (u64)ones_page();

	*entry = table | PTE_DEFAULT;
	write_cr3(read_cr3());
	RECORD("a walk through a table of ones: read", outcome(attempt(touch, (void *)0x60000000ull)), last_cr2);
	RECORD("a walk through a table of ones: write", outcome(attempt(write_there, (void *)0x60000008ull)), last_cr2);
	RECORD("a walk through a table of ones: fetch", outcome(attempt(jump_there, (void *)0x60000000ull)), last_cr2);
	RECORD("a walk through a table of ones: ring 3", outcome(attempt_user(touch, (void *)0x60000000ull)), last_cr2);
	*entry = kept;
	write_cr3(read_cr3());
	u64 *directories = (u64 *)0x61000, kept_directory = directories[1];
	directories[1] = table | PTE_DEFAULT;
	write_cr3(read_cr3());
	RECORD("a walk through a directory of ones", outcome(attempt(touch, (void *)0x40000000ull)), last_cr2);
	directories[1] = kept_directory;
	write_cr3(read_cr3());
}

/* Pushes onto a stack there vanish; the handler runs and does not return. */
static void do_ud2(void *argument) { (void)argument; __asm__ volatile("ud2"); }
static void do_cpuid_then_msr(void *argument) { (void)argument; cpuid(0, 0); rdmsr(0x12345678); }
static void do_soft(void *argument) { (void)argument; __asm__ volatile("int $0x81"); }

extern u8 stubs64[], ends_attempt[];

static void point_gate(int vector, u64 at)
{
	idt[vector].low = (u16)at;
	idt[vector].middle = (u16)(at >> 16);
}

static void run_there(const char *name, int vector, void (*code)(void *))
{
	tss.ist[0] = base + 0x2000;
	set_ist(vector, 1);
	point_gate(vector, (u64)ends_attempt);
	u64 writes = hypervisor_info(WRITES);
	check(name, (u64)(int64_t)attempt(code, 0), 77);
	check_true("pushes were counted", hypervisor_info(WRITES) > writes);
	point_gate(vector, (u64)stubs64 + 16 * (u64)vector);
	set_ist(vector, 0);
	check_ones("pushes vanished", base + 0x2000 - 8);
	check_ones("pushes vanished (error code or RIP)", base + 0x2000 - 40);
}

CASE(hidden_exception_stack)
{
	if (!begin())
		return;
	run_there("UD with its stack in hidden memory", VECTOR_UD, do_ud2);
	run_there("GP with its stack in hidden memory", VECTOR_GP, do_cpuid_then_msr);
	run_there("INT with its stack in hidden memory", VECTOR_SOFT, do_soft);
	run_there("UD again", VECTOR_UD, do_ud2);
}

CASE(hidden_after_all)
{
	if (!begin())
		return;
	u64 differing = 0;
	for (u64 at = base; at < base + size; at += 8)
		differing += READ(u64, at) != ONES;
	check("hidden quadwords that show something at the end", differing, 0);
	print("hidden counters %u %u\n", hypervisor_info(READS), hypervisor_info(WRITES));
}
