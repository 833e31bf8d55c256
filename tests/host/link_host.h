/* In front of every file of a host test: what the linker's script says of the image are numbers of the test's. */
#pragma once

#include "core/layout.h"

#define image_start ((char *)HOST_IMAGE)
#define image_size ((char *)HOST_IMAGE_SIZE)
