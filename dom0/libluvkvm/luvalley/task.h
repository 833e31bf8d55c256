/* Task switches by hardware. */
#pragma once
#include "luvalley/luvalley.h"

enum exit_kind handle_task_switch(struct vcpu *vcpu);
