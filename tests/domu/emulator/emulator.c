/*
 * The emulator against the processor: each encoding is executed natively on a page, then emulated with that page as a device, from the
 * same registers; registers, flags and memory must agree. Exit status 0 if all do.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "emulate.h"
#include "slots.h"

#define ROUNDS 300
#define PAGES 3
#define SIZE (PAGES * 4096)
#define STATUS 0x8D5ull
#define DF 0x400ull
#define AF 0x10ull
#define CF 0x1ull

struct encoding {
	const uint8_t *code;
	const char *name;
	uint32_t size, flags;
};

extern const struct encoding encodings[];

static uint8_t *device, *ram, *code;

/* --- What the emulator asks of the library: guest addresses are ours, the device's page is no memory --- */

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

bool read_memory(struct vm *vm, uint64_t guest, void *data, size_t size)
{
	(void)vm;
	memcpy(data, (void *)guest, size);
	return true;
}

/* --- Native: load the registers, the instruction, store them --- */

__asm__(
	".pushsection .data\n"
	"enter: push %rbx; push %rbp; push %r12; push %r13; push %r14; push %r15; push %rdi; pushq 0x88(%rdi); popfq\n"
	"mov (%rdi), %rax; mov 8(%rdi), %rbx; mov 0x10(%rdi), %rcx; mov 0x18(%rdi), %rdx; mov 0x20(%rdi), %rsi; mov 0x38(%rdi), %rbp\n"
	"mov 0x40(%rdi), %r8; mov 0x48(%rdi), %r9; mov 0x50(%rdi), %r10; mov 0x58(%rdi), %r11; mov 0x60(%rdi), %r12\n"
	"mov 0x68(%rdi), %r13; mov 0x70(%rdi), %r14; mov 0x78(%rdi), %r15; mov 0x28(%rdi), %rdi\n"
	"enter_end:\n"
	"leave_here: push %rdi; mov 8(%rsp), %rdi; pushfq; popq 0x88(%rdi)\n"
	"mov %rax, (%rdi); mov %rbx, 8(%rdi); mov %rcx, 0x10(%rdi); mov %rdx, 0x18(%rdi); mov %rsi, 0x20(%rdi); mov %rbp, 0x38(%rdi)\n"
	"mov %r8, 0x40(%rdi); mov %r9, 0x48(%rdi); mov %r10, 0x50(%rdi); mov %r11, 0x58(%rdi); mov %r12, 0x60(%rdi)\n"
	"mov %r13, 0x68(%rdi); mov %r14, 0x70(%rdi); mov %r15, 0x78(%rdi); pop %rax; mov %rax, 0x28(%rdi)\n"
	"pop %rdi; pop %r15; pop %r14; pop %r13; pop %r12; pop %rbp; pop %rbx; cld; ret\n"
	"leave_end:\n"
	".popsection\n");

extern const uint8_t enter[], enter_end[], leave_here[], leave_end[];

static void run_native(const struct encoding *encoding, struct kvm_regs *registers)
{
	uint8_t *end = code;

	end = mempcpy(end, enter, (size_t)(enter_end - enter));
	end = mempcpy(end, encoding->code, encoding->size);
	mempcpy(end, leave_here, (size_t)(leave_end - leave_here));
	((void (*)(struct kvm_regs *))code)(registers);
}

/* --- Emulated: devices' accesses done on the page --- */

static const struct luv_mode mode = {.cr0 = 1, .efer = 1 << 10, .cs_rights = 1 << 13};

static bool run_emulated(const struct encoding *encoding, struct kvm_regs *registers, unsigned *accesses)
{
	struct emulation emulation;

	registers->rip = (uint64_t)encoding->code;
	begin_emulation(&emulation, NULL, registers, &mode);
	for (*accesses = 0;;) {
		enum emulated outcome = emulate(&emulation);

		if (outcome == EMULATED_DONE)
			return registers->rip == (uint64_t)encoding->code + encoding->size;
		if (outcome == EMULATED_AGAIN)
			continue;
		if (outcome != EMULATED_ACCESS || !emulation.access.memory)
			return false;
		++*accesses;
		memcpy(emulation.access.write ? (void *)emulation.access.address : &emulation.access.value,
		       emulation.access.write ? (void *)&emulation.access.value : (void *)emulation.access.address, emulation.access.size);
		answer_emulation(&emulation);
	}
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
	for (int i = 0; i < SIZE; i += 8)
		*(uint64_t *)(pages + i) = draw();
	registers->rdi = (uint64_t)device + 4096 + (uint64_t)(random() % 2 ? 2048 : 4090);
	registers->rsi = (uint64_t)(random() % 2 ? ram : device) + 4096 + (uint64_t)(random() % 64);
	registers->rcx = (uint64_t)(random() % 6);
	registers->r13 = (uint64_t)(random() % 2 ? random() % 4096 : -(random() % 4096));
	registers->rflags = 2 | (draw() & STATUS) | (random() % 4 ? 0 : DF);
	if (random() % 3 == 0)
		memcpy((void *)registers->rdi, &registers->rax, 8);
}

static bool is_equal(const struct encoding *encoding, const struct kvm_regs *native, const struct kvm_regs *emulated)
{
	uint64_t mask = encoding->flags & 2 ? CF : encoding->flags & 1 ? STATUS & ~AF : STATUS;

	return !memcmp(native, emulated, offsetof(struct kvm_regs, rip)) && !((native->rflags ^ emulated->rflags) & mask);
}

static bool try_once(const struct encoding *encoding)
{
	static uint8_t start[2][SIZE], after[2][SIZE];
	struct kvm_regs native, emulated;
	unsigned accesses;
	bool good;

	draw_case(&native, device);
	memcpy(start[0], device, SIZE);
	memcpy(start[1], ram, SIZE);
	emulated = native;
	run_native(encoding, &native);
	memcpy(after[0], device, SIZE);
	memcpy(after[1], ram, SIZE);
	memcpy(device, start[0], SIZE);
	memcpy(ram, start[1], SIZE);
	good = run_emulated(encoding, &emulated, &accesses);
	return good && is_equal(encoding, &native, &emulated) && !memcmp(device, after[0], SIZE) && !memcmp(ram, after[1], SIZE);
}

static uint8_t *get_pages(int rights)
{
	return mmap(NULL, SIZE, rights, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
}

int main(void)
{
	unsigned count = 0, bad = 0;

	device = get_pages(PROT_READ | PROT_WRITE);
	ram = get_pages(PROT_READ | PROT_WRITE);
	code = get_pages(PROT_READ | PROT_WRITE | PROT_EXEC);
	for (const struct encoding *encoding = encodings; encoding->code; encoding++, count++) {
		int round = 0;

		while (round < ROUNDS && try_once(encoding))
			round++;
		if (round < ROUNDS && ++bad)
			printf("differs: %s\n", encoding->name);
	}
	printf("%u encodings, %u differ\n", count, bad);
	return bad || !count;
}
