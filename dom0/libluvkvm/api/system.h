/* /dev/kvm itself. */
#pragma once

/* Open it: a descriptor, or -errno where no backend can run a guest. */
long open_system(void);

long answer_system(unsigned long request, void *argument);

/* KVM_CHECK_EXTENSION, of /dev/kvm and of a VM. */
long check_extension(unsigned long capability);
