// SPDX-License-Identifier: GPL-2.0-only
/* The table of requests; decoding and building of messages. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include <linux/vhost_types.h>

#include "decode.h"

#define FIELD(type, member, bits, ...) { \
	.name = #member, \
	.offset = offsetof(struct vhost_backend_##type, member), \
	.bytes = (bits) / 8, ##__VA_ARGS__ }
#define HEX	.hex = true
#define UUID	128

static const struct value_name map_flags[] = {
	{ VHOST_BACKEND_MAP_R, "R" },
	{ VHOST_BACKEND_MAP_R | VHOST_BACKEND_MAP_W, "RW" },
	{}
};

static const struct value_name std_map_flags[] = {
	{ 0, "R" },
	{ VHOST_BACKEND_MMAP_RW, "RW" },
	{}
};

static const struct value_name iotlb_perms[] = {
	{ VHOST_ACCESS_RO, "RO" },
	{ VHOST_ACCESS_WO, "WO" },
	{ VHOST_ACCESS_RW, "RW" },
	{}
};

static const struct value_name iotlb_types[] = {
	{ VHOST_IOTLB_MISS, "MISS" },
	{ VHOST_IOTLB_UPDATE, "UPDATE" },
	{ VHOST_IOTLB_INVALIDATE, "INVALIDATE" },
	{ VHOST_IOTLB_ACCESS_FAIL, "ACCESS_FAIL" },
	{}
};

static const struct request_field iotlb_fields[] = {
	FIELD(iotlb, iova, 64, HEX),
	FIELD(iotlb, size, 64, HEX),
	FIELD(iotlb, uaddr, 64, HEX),
	FIELD(iotlb, perm, 8, .names = iotlb_perms, .fallback = "RW"),
	FIELD(iotlb, type, 8, .names = iotlb_types, .fallback = "MISS"),
	FIELD(iotlb, source, 16),
};

static const struct request_field vring_state_fields[] = {
	FIELD(vring_state, index, 32),
	FIELD(vring_state, num, 32),
};

static const struct request_field vring_area_fields[] = {
	FIELD(vring_area, vring, 64, .mask = VHOST_BACKEND_VRING_INDEX_MASK),
	{ .name = "nofd", .offset = offsetof(struct vhost_backend_vring_area, vring),
	  .bytes = 8, .mask = VHOST_BACKEND_VRING_NOFD },
	FIELD(vring_area, size, 64, HEX, .fallback = "page"),
	FIELD(vring_area, offset, 64, HEX),
};

static const struct request_field shared_object_fields[] = {
	FIELD(shared_object, uuid, UUID, .fallback = "random"),
};

static const struct request_field shmem_map_fields[] = {
	FIELD(shmem_map, flags, 8, .names = map_flags, .fallback = "R"),
	FIELD(shmem_map, shmid, 8),
	FIELD(shmem_map, shm_offset, 64, HEX),
	FIELD(shmem_map, fd_offset, 64, HEX),
	FIELD(shmem_map, len, 64, HEX, .fallback = "page"),
};

static const struct request_field shmem_unmap_fields[] = {
	FIELD(shmem_unmap, shmid, 8),
	FIELD(shmem_unmap, shm_offset, 64, HEX),
	FIELD(shmem_unmap, len, 64, HEX, .fallback = "page"),
};

static const struct request_field mmap_fields[] = {
	FIELD(mmap, shmid, 8),
	FIELD(mmap, fd_offset, 64, HEX),
	FIELD(mmap, shm_offset, 64, HEX),
	FIELD(mmap, len, 64, HEX, .fallback = "page"),
	FIELD(mmap, flags, 64, .names = std_map_flags),
};

static const struct request_field fs_fields[] = {
	FIELD(fs, fd_offset, 64, HEX),
	FIELD(fs, c_offset, 64, HEX),
	FIELD(fs, len, 64, HEX, .fallback = "page"),
	FIELD(fs, flags, 64, .names = map_flags, .fallback = "R"),
};

static const struct request_field gpu_map_fields[] = {
	FIELD(gpu_map, shmid, 8),
	FIELD(gpu_map, shm_offset, 64, HEX),
	FIELD(gpu_map, len, 64, HEX, .fallback = "page"),
	FIELD(gpu_map, memory_idx, 32),
	FIELD(gpu_map, handle_type, 32),
	FIELD(gpu_map, device_uuid, UUID, .fallback = "random"),
	FIELD(gpu_map, driver_uuid, UUID, .fallback = "random"),
};

static const struct request_field external_map_fields[] = {
	FIELD(external_map, shmid, 8),
	FIELD(external_map, shm_offset, 64, HEX),
	FIELD(external_map, len, 64, HEX, .fallback = "page"),
	FIELD(external_map, ptr, 64, HEX, .fallback = "own"),
};

#define PAYLOAD_OF(type, count) \
	.size = sizeof(struct vhost_backend_##type), .entries = (count), \
	.fields = type##_fields, .nr_fields = ARRAY_SIZE(type##_fields)
#define PAYLOAD(type)	PAYLOAD_OF(type, 1)
#define FS_PAYLOAD	PAYLOAD_OF(fs, VHOST_BACKEND_FS_ENTRIES)
#define REQUEST(r)	.number = VHOST_BACKEND_##r, .name = #r

const struct request requests[] = {
	{ REQUEST(IOTLB_MSG), PAYLOAD(iotlb), .reply = REPLY_IF_ASKED,
	  .summary = "a miss or an access failure in the device's IOTLB" },
	{ REQUEST(CONFIG_CHANGE_MSG), .reply = REPLY_NOTIFICATION,
	  .summary = "the device's configuration space changed" },
	{ REQUEST(VRING_HOST_NOTIFIER_MSG), PAYLOAD(vring_area),
	  .file = FILE_OPTIONAL, .without_file = "nofd=1",
	  .reply = REPLY_IF_ASKED,
	  .summary = "map a vring's host notifier; without a file take it down" },
	{ REQUEST(VRING_CALL), PAYLOAD(vring_state), .reply = REPLY_NOTIFICATION,
	  .summary = "the vring has used buffers: interrupt the guest" },
	{ REQUEST(VRING_ERR), PAYLOAD(vring_state), .reply = REPLY_NOTIFICATION,
	  .summary = "the vring is in error" },
	{ REQUEST(SHARED_OBJECT_ADD), PAYLOAD(shared_object),
	  .reply = REPLY_IF_ASKED,
	  .summary = "the device exports an object" },
	{ REQUEST(SHARED_OBJECT_REMOVE), PAYLOAD(shared_object),
	  .reply = REPLY_IF_ASKED,
	  .summary = "the device no longer exports an object" },
	{ REQUEST(SHARED_OBJECT_LOOKUP), PAYLOAD(shared_object),
	  .reply = REPLY_ALWAYS,
	  .summary = "ask for an object's file, which the reply carries" },
	{ REQUEST(STD_SHMEM_MAP), PAYLOAD(mmap), .delivered_only = true,
	  .file = FILE_ALWAYS, .reply = REPLY_ALWAYS,
	  .summary = "SHMEM_MAP in the form of the specification" },
	{ REQUEST(STD_SHMEM_UNMAP), PAYLOAD(mmap), .delivered_only = true,
	  .reply = REPLY_ALWAYS,
	  .summary = "SHMEM_UNMAP in the form of the specification" },
	{ REQUEST(SHMEM_MAP), PAYLOAD(shmem_map), .file = FILE_ALWAYS,
	  .reply = REPLY_ALWAYS,
	  .summary = "map a file into a shared memory region" },
	{ REQUEST(SHMEM_UNMAP), PAYLOAD(shmem_unmap), .reply = REPLY_ALWAYS,
	  .summary = "take a mapping down" },
	{ REQUEST(DEPRECATED_FS_MAP), FS_PAYLOAD, .file = FILE_ALWAYS,
	  .reply = REPLY_ALWAYS,
	  .summary = "map ranges of a file into the virtio-fs cache window" },
	{ REQUEST(DEPRECATED_FS_UNMAP), FS_PAYLOAD, .reply = REPLY_ALWAYS,
	  .summary = "take ranges of the cache window down" },
	{ REQUEST(DEPRECATED_FS_SYNC), FS_PAYLOAD, .reply = REPLY_ALWAYS,
	  .summary = "write ranges of the cache window back" },
	{ REQUEST(DEPRECATED_FS_IO), FS_PAYLOAD, .file = FILE_ALWAYS,
	  .reply = REPLY_ALWAYS,
	  .summary = "move bytes between the file and guest memory" },
	{ REQUEST(GPU_MAP), PAYLOAD(gpu_map), .file = FILE_ALWAYS,
	  .reply = REPLY_ALWAYS,
	  .summary = "map a GPU's memory into a shared memory region" },
	{ REQUEST(EXTERNAL_MAP), PAYLOAD(external_map), .reply = REPLY_ALWAYS,
	  .summary = "map the frontend's own memory into a region" },
};

const size_t nr_requests = ARRAY_SIZE(requests);

const struct request *request_by_number(uint32_t number)
{
	for (size_t i = 0; i < nr_requests; i++)
		if (requests[i].number == number)
			return &requests[i];
	return NULL;
}

/* A name without the prefixes and words that may be left out, in lower case. */
static const char *short_name(const char *name, char buffer[REQUEST_NAME_MAX])
{
	static const char *const prefixes[] = {
		"vhost-user-", "vhost-", "backend-", "slave-", "deprecated-",
	};
	char *start = buffer;
	size_t i;

	for (i = 0; name[i] && i < REQUEST_NAME_MAX - 1; i++)
		buffer[i] = name[i] == '_' ? '-' : tolower((unsigned char)name[i]);
	buffer[i] = '\0';
	for (i = 0; i < ARRAY_SIZE(prefixes); i++)
		if (!strncmp(start, prefixes[i], strlen(prefixes[i])))
			start += strlen(prefixes[i]);
	i = strlen(start);
	if (i > strlen("-msg") && !strcmp(start + i - strlen("-msg"), "-msg"))
		start[i - strlen("-msg")] = '\0';
	return start;
}

const char *request_short_name(const struct request *request,
			       char buffer[REQUEST_NAME_MAX])
{
	return short_name(request->name, buffer);
}

const struct request *request_by_name(const char *name)
{
	char wanted[REQUEST_NAME_MAX], have[REQUEST_NAME_MAX];
	const char *key = short_name(name, wanted);
	uint64_t number;

	if (!number_parse(name, &number))
		return number <= UINT32_MAX ? request_by_number(number) : NULL;
	for (size_t i = 0; i < nr_requests; i++)
		if (!strcmp(key, short_name(requests[i].name, have)))
			return &requests[i];
	return NULL;
}

int request_mask(const char *list, uint64_t *mask, char *error, size_t size)
{
	char *save = NULL, *name;

	*mask = 0;
	if (!strcasecmp(list, "none"))
		return 0;
	for (name = strtok_r(strdupa(list), ",", &save); name;
	     name = strtok_r(NULL, ",", &save)) {
		const struct request *request = request_by_name(name);

		if (!strcasecmp(name, "all")) {
			*mask |= VHOST_BACKEND_REQUESTS_ALL |
				 VHOST_BACKEND_REQUESTS_SHARED_OBJECT;
		} else if (request) {
			*mask |= 1ULL << VHOST_BACKEND_BIT(request->number);
		} else {
			snprintf(error, size, "no request is called \"%s\"", name);
			return -1;
		}
	}
	return 0;
}

int number_parse(const char *text, uint64_t *value)
{
	static const char units[] = "kMG";
	unsigned int shift = 0;
	char *end;

	if (!isdigit((unsigned char)text[0]))
		return -1;
	errno = 0;
	*value = strtoull(text, &end, 0);
	if (errno)
		return -1;
	if (*end && strchr(units, *end))
		shift = 10 * (strchr(units, *end++) - units + 1);
	if (*end || *value > UINT64_MAX >> shift)
		return -1;
	*value <<= shift;
	return 0;
}

static uint64_t number_load(const void *at, unsigned int bytes)
{
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;

	switch (bytes) {
	case 1:
		return *(const uint8_t *)at;
	case 2:
		memcpy(&u16, at, sizeof(u16));
		return u16;
	case 4:
		memcpy(&u32, at, sizeof(u32));
		return u32;
	default:
		memcpy(&u64, at, sizeof(u64));
		return u64;
	}
}

static void number_store(void *at, unsigned int bytes, uint64_t value)
{
	uint32_t u32 = value;
	uint16_t u16 = value;

	switch (bytes) {
	case 1:
		*(uint8_t *)at = value;
		break;
	case 2:
		memcpy(at, &u16, sizeof(u16));
		break;
	case 4:
		memcpy(at, &u32, sizeof(u32));
		break;
	default:
		memcpy(at, &value, sizeof(value));
	}
}

static uint64_t field_mask(const struct request_field *field)
{
	return field->mask ? field->mask : UINT64_MAX >> (64 - 8 * field->bytes);
}

/* The lowest bit of @mask. To multiply or divide by it is to shift. */
static uint64_t lowest_bit(uint64_t mask)
{
	return mask & -mask;
}

static uint64_t field_value(const struct request_field *field,
			    const uint8_t *payload, unsigned int entry)
{
	uint64_t mask = field_mask(field);

	return (number_load(payload + field->offset + entry * field->bytes,
			    field->bytes) & mask) / lowest_bit(mask);
}

static int uuid_parse(const char *text, uint8_t *uuid)
{
	unsigned int digits = 0;

	if (!strcmp(text, "random")) {
		if (getrandom(uuid, 16, 0) != 16)
			return -1;
		/* RFC 4122: version 4, variant 1 */
		uuid[6] = (uuid[6] & 0x0f) | 0x40;
		uuid[8] = (uuid[8] & 0x3f) | 0x80;
		return 0;
	}
	for (; *text; text++) {
		const char *const hex = "0123456789abcdef";
		const char *digit = strchr(hex, tolower((unsigned char)*text));

		if (*text == '-')
			continue;
		if (!digit || digits == 32)
			return -1;
		uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | (digit - hex));
		digits++;
	}
	return digits == 32 ? 0 : -1;
}

/* Memory of this process for EXTERNAL_MAP to name. */
static uint64_t own_page(void)
{
	static void *page;

	if (!page && posix_memalign(&page, sysconf(_SC_PAGESIZE),
				    sysconf(_SC_PAGESIZE)))
		page = NULL;
	return (uintptr_t)page;
}

static int value_parse(const struct request_field *field, const char *text,
		       uint64_t *value)
{
	for (const struct value_name *n = field->names; n && n->name; n++) {
		if (!strcasecmp(n->name, text)) {
			*value = n->value;
			return 0;
		}
	}
	if (!strcmp(text, "page"))
		*value = sysconf(_SC_PAGESIZE);
	else if (!strcmp(text, "own"))
		*value = own_page();
	else if (!strcmp(text, "all"))
		*value = UINT64_MAX;
	else
		return number_parse(text, value);
	return 0;
}

static int field_set(const struct request_field *field, uint8_t *payload,
		     unsigned int entry, const char *text,
		     char *error, size_t size)
{
	uint8_t *at = payload + field->offset + entry * field->bytes;
	uint64_t mask, value;

	if (field->bytes == 16) {
		if (!uuid_parse(text, at))
			return 0;
		snprintf(error, size, "%s: \"%s\" is neither a UUID nor \"random\"",
			 field->name, text);
		return -1;
	}
	mask = field_mask(field);
	if (value_parse(field, text, &value)) {
		snprintf(error, size, "%s: \"%s\" is not a number", field->name, text);
		return -1;
	}
	if (value > mask / lowest_bit(mask)) {
		snprintf(error, size, "%s: at most %llu", field->name,
			 (unsigned long long)(mask / lowest_bit(mask)));
		return -1;
	}
	number_store(at, field->bytes, (number_load(at, field->bytes) & ~mask) |
					       value * lowest_bit(mask));
	return 0;
}

/* The field of "name" or "name[entry]", the text before '='. */
static const struct request_field *field_find(const struct request *request,
					      const char *key, size_t length,
					      unsigned int *entry)
{
	const char *bracket = memchr(key, '[', length);
	size_t name = bracket ? (size_t)(bracket - key) : length;
	unsigned long number = 0;
	char *end;

	if (bracket) {
		if (!isdigit((unsigned char)bracket[1]))
			return NULL;
		number = strtoul(bracket + 1, &end, 10);
		if (end != key + length - 1 || *end != ']' || number >= request->entries)
			return NULL;
	}
	*entry = number;
	for (size_t i = 0; i < request->nr_fields; i++) {
		const struct request_field *field = &request->fields[i];

		if (strlen(field->name) == name && !strncmp(field->name, key, name))
			return field;
	}
	return NULL;
}

int request_build(const struct request *request, void *payload,
		  char *const *assignments, size_t count,
		  char *error, size_t size)
{
	memset(payload, 0, request->size);
	for (size_t i = 0; i < request->nr_fields; i++) {
		const struct request_field *field = &request->fields[i];

		if (field->fallback &&
		    field_set(field, payload, 0, field->fallback, error, size))
			return -1;
	}
	for (size_t i = 0; i < count; i++) {
		const char *equals = strchr(assignments[i], '=');
		const struct request_field *field;
		unsigned int entry;

		if (!equals) {
			snprintf(error, size, "\"%s\" is not FIELD=VALUE",
				 assignments[i]);
			return -1;
		}
		field = field_find(request, assignments[i],
				   equals - assignments[i], &entry);
		if (!field) {
			snprintf(error, size, "%s has no field \"%.*s\"",
				 request->name, (int)(equals - assignments[i]),
				 assignments[i]);
			return -1;
		}
		if (field_set(field, payload, entry, equals + 1, error, size))
			return -1;
	}
	return 0;
}

/* "len[0-7]=N" */
static size_t field_usage(const struct request *request,
			  const struct request_field *field,
			  char *text, size_t size)
{
	size_t n = snprintf(text, size, "%s%s=", field->name,
			    request->entries > 1 ? "[0-7]" : "");

	if (!field->names)
		return n + snprintf(text + n, size - n, "%s",
				    field->bytes == 16 ? "UUID" : "N");
	for (const struct value_name *name = field->names; name->name; name++)
		n += snprintf(text + n, size - n, "%s%s",
			      name == field->names ? "" : "|", name->name);
	return n;
}

void request_print_usage(FILE *out, const struct request *request,
			 const char *indent, size_t columns)
{
	size_t column = columns;
	char text[128];

	for (size_t i = 0; i < request->nr_fields; i++) {
		size_t n = field_usage(request, &request->fields[i], text,
				       sizeof(text));

		if (column + 1 + n > columns) {
			fprintf(out, "%s%s%s", i ? "\n" : "", indent, text);
			column = strlen(indent) + n;
		} else {
			fprintf(out, " %s", text);
			column += 1 + n;
		}
	}
	if (request->nr_fields)
		fputc('\n', out);
}

long long file_describe(int fd, char *path, size_t size)
{
	struct stat st;
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, size - 1);
	path[n < 0 ? 0 : n] = '\0';
	if (fstat(fd, &st))
		return -1;
	return st.st_size;
}

static void uuid_print(FILE *out, const uint8_t *uuid)
{
	for (int i = 0; i < 16; i++)
		fprintf(out, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ?
			"-" : "", uuid[i]);
}

static const char *value_name(const struct request_field *field, uint64_t value)
{
	for (const struct value_name *n = field->names; n && n->name; n++)
		if (n->value == value)
			return n->name;
	return NULL;
}

static void field_print(FILE *out, const struct request_field *field,
			const uint8_t *payload, unsigned int entry)
{
	unsigned long long value;
	const char *name;

	if (field->bytes == 16) {
		uuid_print(out, payload + field->offset);
		return;
	}
	value = field_value(field, payload, entry);
	name = value_name(field, value);
	if (name)
		fputs(name, out);
	else
		fprintf(out, field->hex ? "%#llx" : "%llu", value);
}

/* An entry is not in use if all its fields are 0. */
static bool entry_is_empty(const struct request *request, const uint8_t *payload,
			   unsigned int entry)
{
	for (size_t i = 0; i < request->nr_fields; i++)
		if (field_value(&request->fields[i], payload, entry))
			return false;
	return true;
}

static void fields_print(FILE *out, const struct request *request,
			 const uint8_t *payload)
{
	unsigned int entries = request->entries;

	for (unsigned int entry = 0; entry < entries; entry++) {
		if (entries > 1 && entry_is_empty(request, payload, entry))
			continue;
		for (size_t i = 0; i < request->nr_fields; i++) {
			fprintf(out, " %s", request->fields[i].name);
			if (entries > 1)
				fprintf(out, "[%u]", entry);
			fputc('=', out);
			field_print(out, &request->fields[i], payload, entry);
		}
	}
}

static void bytes_print(FILE *out, const uint8_t *bytes, size_t count)
{
	for (size_t i = 0; i < count; i++)
		fprintf(out, "%02x", bytes[i]);
}

/* NULL also if the payload has another size than in the table. */
static const struct request *message_request(const struct message *message)
{
	const struct request *request = request_by_number(message->msg.request);

	return request && request->size == message->msg.size ? request : NULL;
}

void message_print(FILE *out, const struct message *message)
{
	const struct request *request = message_request(message);
	const struct vhost_backend_msg *msg = &message->msg;
	char path[256];
	long long bytes;

	if (request)
		fputs(request->name, out);
	else
		fprintf(out, "request %u", msg->request);
	if (msg->id)
		fprintf(out, " id=%#llx", (unsigned long long)msg->id);
	if (request) {
		fields_print(out, request, message->bytes);
	} else if (msg->size) {
		fputs(" payload=", out);
		bytes_print(out, message->bytes, msg->size);
	}
	if (msg->fd >= 0) {
		bytes = file_describe(msg->fd, path, sizeof(path));
		fprintf(out, " file=%s (%lld bytes)", path, bytes);
	} else if (msg->fd == VHOST_BACKEND_FD_PENDING) {
		fputs(" file=pending", out);
	}
	if (msg->flags & VHOST_BACKEND_MSG_NEED_REPLY)
		fputs(" need-reply", out);
}

void json_string(FILE *out, const char *text)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"' || *text == '\\')
			fprintf(out, "\\%c", *text);
		else if ((unsigned char)*text < ' ')
			fprintf(out, "\\u%04x", *text);
		else
			fputc(*text, out);
	}
	fputc('"', out);
}

static void field_print_json(FILE *out, const struct request *request,
			     const struct request_field *field,
			     const uint8_t *payload)
{
	unsigned int entries = request->entries;

	fprintf(out, ",\"%s\":", field->name);
	if (field->bytes == 16) {
		fputc('"', out);
		uuid_print(out, payload + field->offset);
		fputc('"', out);
		return;
	}
	if (entries > 1)
		fputc('[', out);
	for (unsigned int entry = 0; entry < entries; entry++)
		fprintf(out, "%s%llu", entry ? "," : "",
			(unsigned long long)field_value(field, payload, entry));
	if (entries > 1)
		fputc(']', out);
}

void message_print_json(FILE *out, const struct message *message)
{
	const struct request *request = message_request(message);
	const struct vhost_backend_msg *msg = &message->msg;
	char path[256];
	long long bytes;

	fprintf(out, "\"request\":%u,\"name\":\"%s\",\"id\":%llu,\"need_reply\":%s",
		msg->request, request ? request->name : "",
		(unsigned long long)msg->id,
		msg->flags & VHOST_BACKEND_MSG_NEED_REPLY ? "true" : "false");
	if (request) {
		for (size_t i = 0; i < request->nr_fields; i++)
			field_print_json(out, request, &request->fields[i],
					 message->bytes);
	} else {
		fputs(",\"payload\":\"", out);
		bytes_print(out, message->bytes, msg->size);
		fputc('"', out);
	}
	if (msg->fd >= 0) {
		bytes = file_describe(msg->fd, path, sizeof(path));
		fputs(",\"file\":{\"path\":", out);
		json_string(out, path);
		fprintf(out, ",\"bytes\":%lld}", bytes);
	} else if (msg->fd == VHOST_BACKEND_FD_PENDING) {
		fputs(",\"file\":\"pending\"", out);
	}
}
