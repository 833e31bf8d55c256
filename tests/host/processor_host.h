/* In front of every file of a host test: the processor's answers are the test's. */
#pragma once

#define host_rdmsr processor_rdmsr
#define vmread processor_vmread
#define vmclear processor_vmclear
#include "core/host.h"
#include "vmx/vmx.h"
#undef host_rdmsr
#undef vmread
#undef vmclear

u64 host_rdmsr(u32 msr);
u64 vmread(u64 field);
bool vmclear(u64 address);
