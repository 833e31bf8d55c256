/* Hardware task switches, which VMX leaves to software. SDM: 8.3, 26.4.2 */
#pragma once
#include "emulator/emulate.h"

/* Of an exit's qualification. SDM: table 28-6 */
enum task_source { TASK_CALL, TASK_IRET, TASK_JUMP, TASK_GATE };

struct task_switch {
    uint16_t selector;      /* of the new task */
    enum task_source source;
    uint32_t length;        /* of the instruction after which the old task continues; 0: it repeats it, or was interrupted */
    bool external;          /* an event, not an instruction of the guest, used the task gate */
    bool has_code;
    uint32_t code;          /* that event's error code, for the new task's stack */
};

/*
 * The old task's registers go into its segment, the new one's come from its own. EMULATED_DONE; EMULATED_FAULT: an exception, of the
 * old task or, where the registers are the new one's by then, of the new; EMULATED_UNKNOWN: its tables are a device's.
 */
enum emulated switch_task(struct emulation *emulation, const struct task_switch *how);
