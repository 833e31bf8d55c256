#include <cpuid.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "luv.h"
#include "luvalley_abi.h"

#define HYPERVISOR_LEAF 0x40000000u
#define HYPERVISOR_BIT (1u << 31)

static const char *const facts[] = {"interface", "CPUs started", "hidden memory at", "hidden memory, bytes"};

bool is_beneath(void)
{
	uint32_t eax, ebx, ecx, edx;
	char signature[13] = "";

	__cpuid(1, eax, ebx, ecx, edx);
	if (!(ecx & HYPERVISOR_BIT))
		return false;
	__cpuid(HYPERVISOR_LEAF, eax, ebx, ecx, edx);
	memcpy(signature, &ebx, 4);
	memcpy(signature + 4, &ecx, 4);
	memcpy(signature + 8, &edx, 4);
	return !strcmp(signature, "LuvalleyDom0");
}

int64_t call_luvalley(uint32_t number, uint64_t first, uint64_t second, uint64_t *value)
{
	uint64_t status = (uint64_t)LUV_HYPERCALL_MAGIC << 32 | number;
	register uint64_t fourth __asm__("r10") = 0;

	__asm__ volatile("vmcall" : "+a"(status), "=d"(*value) : "D"(first), "S"(second), "1"(0ull), "r"(fourth) : "memory");
	return (int64_t)status;
}

int print_info(int count, char **arguments)
{
	(void)arguments;
	if (count)
		return complain("info takes no arguments.");
	if (!is_beneath())
		return complain("Luvalley is not beneath: this machine is bare, or another hypervisor's.");
	for (unsigned which = 0; which < sizeof facts / sizeof *facts; which++) {
		uint64_t value;
		int64_t status = call_luvalley(LUV_HYPERCALL_info, which, 0, &value);

		if (status)
			return complain("the hypercall info(%u) failed with %" PRId64 ".", which, status);
		printf("%s: %s%" PRIx64 "\n", facts[which], "0x", value);
	}
	return 0;
}
