/* Processors start, stop, start again, and interrupt each other. */
#include "smp.h"

#include "luvalley_abi.h"

#define WAIT 40000000ull
#define SETTLE 300000ull
#define REASON_CPUID 10

static u32 ids[CPUS], others;

struct arrival { u32 eax, ebx, edx, cr0, cr4; u16 sp, ds, ss, flags; };
extern struct arrival ap_arrival;

static void begin(void)
{
	apic_init();
	trap_hook = notice;
}

CASE(start_all)
{
	begin();
	init_cpu(0, ICR_OTHERS);
	start_cpu(0, ICR_OTHERS);
	delay(3000000);
	others = list_others(ids);
	figure("processors", others + 1);
	check("arrivals", ap_count, others);
	for (u32 i = 0; i < others; i++)
		check("arrivals of one", processors[ids[i]].arrivals, 1);
	RECORD("registers at the start", ap_arrival.eax, ap_arrival.ebx, ap_arrival.edx, ap_arrival.cr0, ap_arrival.cr4 & ~0x2000u,
	       ap_arrival.sp, ap_arrival.ds, ap_arrival.ss, ap_arrival.flags);
	for (u32 i = 0; i < others; i++) {
		u32 before = processors[ids[i]].counter;
		check_true("it counts", wait_for(&processors[ids[i]].counter, before + 1000, WAIT));
	}
	if (is_hypervised())
		check("info: CPUs", hypervisor_info(1), others + 1);
}

/* INIT stops it, whatever it does; a start-up IPI starts it anew. */
static void restart(const char *what, u32 id, enum duty duty)
{
	struct processor *p = &processors[id];
	u32 arrivals = p->arrivals, before;

	before = p->counter;
	set_duty(id, duty);
	if (duty == HALT_DEAF || duty == HALT_OPEN)
		delay(SETTLE);
	else
		check_true(what, wait_for(&p->counter, before + 100, WAIT));
	init_cpu(id, 0);
	u32 counter = p->counter;
	delay(SETTLE);
	check("after INIT it does nothing", p->counter, counter);
	check("nor did it arrive", p->arrivals, arrivals);
	start_cpu(id, 0);
	check_true("it arrives again", wait_for(&p->arrivals, arrivals + 1, WAIT));
	delay(SETTLE);
	check("once for two start-up IPIs", p->arrivals, arrivals + 1);
	check_true("it counts again", wait_for(&p->counter, 1000, WAIT));
}

CASE(restart_each)
{
	begin();
	for (u32 round = 0; round < 3; round++)
		for (u32 i = 0; i < others; i++) {
			restart("it counts before INIT", ids[i], COUNT);
			restart("it runs CPUID before INIT", ids[i], SPIN_CPUID);
			restart("it halts with interrupts off before INIT", ids[i], HALT_DEAF);
			restart("it halts with interrupts on before INIT", ids[i], HALT_OPEN);
		}
}

CASE(restart_all)
{
	begin();
	u32 arrivals = ap_count;
	for (u32 round = 1; round <= 3; round++) {
		init_cpu(0, ICR_OTHERS);
		start_cpu(0, ICR_OTHERS);
		wait_for(&ap_count, arrivals + round * others, WAIT);
		delay(SETTLE);
		check("all arrive again", ap_count, arrivals + round * others);
	}
}

/* A start-up IPI to a processor that runs is nothing; so is INIT's deassertion. */
CASE(start_running)
{
	begin();
	u32 arrivals = ap_count;
	for (u32 i = 0; i < others; i++)
		start_cpu(ids[i], 0);
	delay(SETTLE);
	check("a start-up IPI to a running processor", ap_count, arrivals);
}

CASE(cpuid_everywhere)
{
	begin();
	for (u32 i = 0; i < others; i++) {
		processors[ids[i]].wrong = processors[ids[i]].counter = 0;
		set_duty(ids[i], SPIN_CPUID);
	}
	for (u32 i = 0; i < others; i++) {
		check_true("CPUID runs", wait_for(&processors[ids[i]].counter, 2000, WAIT));
		check("CPUIDs that were wrong", processors[ids[i]].wrong, 0);
		if (is_hypervised())
			check_true("and are counted", hypercall(LUV_HYPERCALL_exit_count, i + 1, REASON_CPUID, 0).value > 1000);
	}
}

CASE(fixed_interrupts)
{
	begin();
	for (u32 i = 0; i < others; i++) {
		struct processor *p = &processors[ids[i]];
		p->ipis = 0;
		set_duty(ids[i], i % 2 ? OPEN_CPUID : HALT_OPEN);
		delay(SETTLE);
		for (u32 n = 1; n <= 20; n++) {
			apic_send(ids[i], ICR_FIXED | VECTOR_IPI);
			check_true("an interrupt from another processor", wait_for(&p->ipis, n, WAIT));
		}
		delay(SETTLE);
		check("interrupts", p->ipis, 20);
	}
	__asm__ volatile("sti");
	u32 before = processors[0].ipis;
	for (u32 n = 1; n <= 8; n++) {
		apic_send(0, ICR_SELF | ICR_FIXED | VECTOR_IPI);
		wait_for(&processors[0].ipis, before + n, WAIT);
	}
	__asm__ volatile("cli");
	check("interrupts to itself", processors[0].ipis - before, 8);
	check("none is in service", apic_read(APIC_ISR + 0x10 * (VECTOR_IPI / 32)), 0);
}

CASE(timers)
{
	begin();
	for (u32 i = 0; i < others; i++) {
		processors[ids[i]].timers = 0;
		set_duty(ids[i], RUN_TIMER);
		check_true("the APIC's timer of another processor", wait_for(&processors[ids[i]].timers, 10, WAIT));
		set_duty(ids[i], IDLE);
	}
	apic_write(APIC_TIMER_DIVIDE, 0xB);
	apic_write(APIC_TIMER, 0x20000 | VECTOR_TIMER);
	apic_write(APIC_TIMER_COUNT, 50000);
	processors[0].timers = 0;
	__asm__ volatile("sti");
	wait_for(&processors[0].timers, 10, WAIT);
	__asm__ volatile("cli");
	apic_write(APIC_TIMER, 0x10000 | VECTOR_TIMER);
	check_true("the timer here, periodic", processors[0].timers >= 10);
}

/* Registers of the APIC keep what is written, in each form. */
CASE(apic_registers)
{
	volatile u32 *tpr = (volatile u32 *)(APIC + APIC_TPR), *high = (volatile u32 *)(APIC + APIC_ICR_HIGH);

	begin();
	*tpr = 0x20;
	check("TPR by MOV", *tpr, 0x20);
	__asm__ volatile("orl $0x10, (%0)" : : "r"(tpr) : "memory", "cc");
	check("TPR by OR", *tpr, 0x30);
	__asm__ volatile("addl $0x10, (%0)" : : "r"(tpr) : "memory", "cc");
	check("TPR by ADD", *tpr, 0x40);
	u32 value = 0;
	__asm__ volatile("xchg %0, (%1)" : "+r"(value) : "r"(tpr) : "memory");
	check("TPR by XCHG: before", value, 0x40);
	check("TPR by XCHG: after", *tpr, 0);
	check("CR8 agrees", read_cr8(), 0);
	*high = 0x05000000;
	check("ICR's upper half", *high & 0xFF000000, 0x05000000);
	check("version", apic_read(0x30) & 0xF0, 0x10);
	RECORD("APIC registers", apic_read(APIC_ID), apic_read(0x30), apic_read(APIC_SVR), apic_read(0xD0), apic_read(0xE0));
}

/* NMIs spaced so that each is taken, then back to back: these may collapse, but one at least comes, and the last is not lost. */
static void storm(const char *what, u32 id, enum duty duty)
{
	struct processor *p = &processors[id];

	print("storm: %s\n", what);
	set_duty(id, duty);
	delay(SETTLE);
	p->nmis = p->wrong = p->nmi_deepest = 0;
	for (u32 n = 1; n <= 50; n++) {
		apic_send(id, ICR_NMI);
		wait_for(&p->nmis, n, SETTLE * 4);
	}
	check("NMIs that wait for each other", p->nmis, 50);
	p->nmis = 0;
	for (u32 n = 0; n < 200; n++)
		apic_send(id, ICR_NMI);
	delay(SETTLE);
	check_true("NMIs back to back: some arrive", p->nmis >= 2);
	check_true("NMIs back to back: no more than were sent", p->nmis <= 200);
	print("of 200 back to back: %u\n", (u64)p->nmis);
	p->nmis = 0;
	for (u32 n = 0; n < 200; n++) {
		apic_send(id, ICR_NMI);
		delay(37 * (n % 50));
	}
	delay(SETTLE);
	p->nmis = 0;
	apic_send(id, ICR_NMI);
	check_true("an NMI after the storm", wait_for(&p->nmis, 1, WAIT));
	delay(SETTLE);
	check("and no more than that", p->nmis, 1);
	check("NMIs in NMIs", p->nmi_deepest, 1);
	check("CPUIDs that were wrong in the storm", p->wrong, 0);
	u32 counter = p->counter;
	check_true("it goes on", duty == HALT_DEAF || wait_for(&p->counter, counter + 100, WAIT));
}

CASE(nmi_storm)
{
	begin();
	for (u32 i = 0; i < others; i++) {
		storm("CPUID, interrupts off", ids[i], SPIN_CPUID);
		storm("CPUID, interrupts on", ids[i], OPEN_CPUID);
		storm("counting", ids[i], COUNT);
		storm("halted, interrupts off", ids[i], HALT_DEAF);
	}
}

CASE(nmi_storm_here)
{
	begin();
	if (!others)
		return;
	processors[0].nmis = processors[0].wrong = processors[0].nmi_deepest = 0;
	processors[0].signature = cpuid(1, 0).eax;
	processors[ids[0]].counter = 0;
	set_duty(ids[0], STORM);
	u64 end = rdtsc() + WAIT;
	while (processors[ids[0]].counter < 100 && rdtsc() < end)
		cpuid(0, 0);
	delay(SETTLE);
	set_duty(ids[0], IDLE);
	check("NMIs sent here", processors[ids[0]].counter, 100);
	check("NMIs taken here", processors[0].nmis, 100);
	check("NMIs in NMIs here", processors[0].nmi_deepest, 1);
}

/* Restarted in the middle of a storm of NMIs. */
CASE(restart_in_storm)
{
	begin();
	for (u32 i = 0; i < others; i++) {
		set_duty(ids[i], SPIN_CPUID);
		for (u32 n = 0; n < 20; n++)
			apic_send(ids[i], ICR_NMI);
		restart("it runs in the storm", ids[i], SPIN_CPUID);
		processors[ids[i]].nmis = 0;
		apic_send(ids[i], ICR_NMI);
		check_true("an NMI after the restart", wait_for(&processors[ids[i]].nmis, 1, WAIT));
	}
}

/* All write to hidden memory at once, while NMIs come; what one has lent must not be seen by another. */
CASE(hidden_from_all)
{
	begin();
	if (!is_hypervised())
		return;
	u64 base = hidden_base(), differing = 0;
	extern u64 hidden_target;
	hidden_target = base;
	for (u32 i = 0; i < others; i++) {
		processors[ids[i]].counter = processors[ids[i]].nmis = 0;
		set_duty(ids[i], WRITE_HIDDEN);
	}
	for (u32 n = 0; n < 300; n++) {
		for (u64 at = 0; at < 8; at++)
			differing += *(volatile u64 *)(base + at * 0x1000) != ~0ull;
		*(volatile u64 *)base = n;
		if (n % 10 == 0 && others)
			apic_send(ids[0], ICR_NMI);
	}
	check("hidden quadwords that showed something", differing, 0);
	for (u32 i = 0; i < others; i++) {
		check_true("writes from another processor go on", wait_for(&processors[ids[i]].counter, 100, WAIT));
		restart("it writes before INIT", ids[i], WRITE_HIDDEN);
	}
	check_true("an NMI came among the writes", !others || processors[ids[0]].nmis);
	differing = 0;
	for (u64 at = 0; at < hidden_size(); at += 8)
		differing += *(volatile u64 *)(base + at) != ~0ull;
	check("hidden quadwords that show something at the end", differing, 0);
}

/* The same IPIs by x2APIC's register, where there is one. Last: there is no way back without a reset. */
#define X2APIC (1u << 21)
#define MSR_X2APIC_ICR 0x830

static void send_x2(u32 id, u32 command)
{
	wrmsr(MSR_X2APIC_ICR, (u64)id << 32 | command);
}

CASE(x2apic)
{
	begin();
	if (!(cpuid(1, 0).ecx & X2APIC))
		return;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | 0x400);
	check("x2APIC's ID", rdmsr(0x802), 0);
	for (u32 i = 0; i < others; i++) {
		struct processor *p = &processors[ids[i]];
		p->duty = SPIN_CPUID;
		u32 arrivals = p->arrivals;
		send_x2(ids[i], ICR_INIT);
		delay(SETTLE);
		u32 counter = p->counter;
		delay(SETTLE);
		check("after x2APIC's INIT it does nothing", p->counter, counter);
		send_x2(ids[i], ICR_STARTUP | 6);
		delay(20000);
		send_x2(ids[i], ICR_STARTUP | 6);
		check_true("x2APIC: it arrives again", wait_for(&p->arrivals, arrivals + 1, WAIT));
		p->nmis = 0;
		send_x2(ids[i], ICR_NMI);
		check_true("x2APIC: NMI", wait_for(&p->nmis, 1, WAIT));
	}
	processors[0].nmis = 0;
	send_x2(0, ICR_NMI);
	delay(1000);
	check("x2APIC: NMI to itself", processors[0].nmis, 1);
}
