"""The entry checks outside the hypervisor: evaluated, predicted."""
