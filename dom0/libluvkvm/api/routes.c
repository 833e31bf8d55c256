#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/events.h"
#include "lapic/ipi.h"
#include "api/vm.h"

long set_routes(struct vm *vm, const struct kvm_irq_routing *routes)
{
    size_t size = routes->nr * sizeof *routes->entries;
    struct kvm_irq_routing_entry *copy, *old;

    if (routes->nr > MAX_ROUTES || routes->flags)
        return -EINVAL;
    copy = malloc(size ? size : 1);
    if (!copy)
        return -ENOMEM;
    memcpy(copy, routes->entries, size);
    pthread_rwlock_wrlock(&vm->lock);
    old = vm->routes;
    vm->routes = copy;
    vm->route_count = routes->nr;
    pthread_rwlock_unlock(&vm->lock);
    free(old);
    return 0;
}

/* Only messages can be routed: pins of a PIC or IOAPIC are the VMM's own. A message is sent by the rising edge. */
long raise_gsi(struct vm *vm, uint32_t gsi, bool level)
{
    long taken = -1;

    if (!level)
        return 0;
    pthread_rwlock_rdlock(&vm->lock);
    for (uint32_t i = 0; i < vm->route_count; i++) {
        const struct kvm_irq_routing_entry *route = &vm->routes[i];

        if (route->gsi == gsi && route->type == KVM_IRQ_ROUTING_MSI)
            taken = send_msi(vm, (uint64_t)route->u.msi.address_hi << 32 | route->u.msi.address_lo, route->u.msi.data);
    }
    pthread_rwlock_unlock(&vm->lock);
    return taken;
}
