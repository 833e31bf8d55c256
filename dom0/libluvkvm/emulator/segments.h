/* Selectors and the descriptors that they name, while an instruction or a task switch is emulated. SDM: 3.4 */
#pragma once
#include "emulator/attempt.h"

#define TYPE_ACCESSED 1u
#define TYPE_WRITABLE 2u /* of data; code: readable */
#define TYPE_CONFORMING 4u
#define TYPE_CODE 8u
#define TYPE_WIDE 8u     /* of a TSS: of 32 bits */
#define TYPE_BUSY 2u
#define TYPE_PLACE 5     /* of its byte in a descriptor */

/* What a selector names, and where that lies. */
struct named {
    struct kvm_sregs sregs; /* with the tables; what is loaded goes here */
    struct kvm_segment segment;
    uint64_t place;
    uint8_t refusal;        /* the exception where a table has no such descriptor */
};

/* An exception about a selector; those who end in one of an external event add that. */
void refuse_selector(struct attempt *attempt, uint8_t vector, uint16_t selector);
/* The state that has the tables, if the owner's can be read; and its change, unless the attempt is stopped. */
bool take_sregs(struct attempt *attempt, struct kvm_sregs *sregs);
void keep_sregs(struct attempt *attempt, struct kvm_sregs *sregs);
bool is_wide(struct attempt *attempt); /* long mode */
/* `system`: in long mode those of the system have an upper half, the rest of their base. */
void find_named(struct attempt *attempt, struct named *named, uint16_t selector, bool system);
/* Can it be a stack, or data, at a privilege level? SDM: 5.5, 5.7 */
bool is_stack_right(const struct kvm_segment *segment, unsigned level);
bool is_data_right(const struct kvm_segment *segment, unsigned level);
/* The descriptor learns that it is in use. */
void mark_named(struct attempt *attempt, struct named *named, uint8_t bit);
