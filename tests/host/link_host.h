/* Included before every file of a host test: the symbols of the linker script are numbers of the test. */
#pragma once

#include "core/layout.h"

#define image_start ((char *)HOST_IMAGE)
#define image_size ((char *)HOST_IMAGE_SIZE)
