/* Included before every file of a host test: functions of the test replace privileged instructions. */
#pragma once

#define guest_cr3 processor_guest_cr3
#include "vmx/state.h"
#undef guest_cr3

u64 guest_cr3(void);
