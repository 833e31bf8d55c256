/* Which of the two MSR bitmaps a guest has: the spec's, or the one without speculation controls. */
#pragma once

#include "core/types.h"

/* Once; false: there is no page for it. */
bool msr_bitmaps_init(void);
/* For the current VMCS: its guest's CPUID has the controls, or not. */
void msr_bitmap_select(bool has_controls);
