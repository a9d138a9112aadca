// SPDX-License-Identifier: GPL-2.0-only
/* Tests of the table of requests, decoding and building; needs no module. */
#include <string.h>

#include "decode.h"

/* JSON is written with ' in place of " here. */
#define JSON_MAP	"'flags':1,'shmid':0,'shm_offset':0,'fd_offset':0,'len':4096"

static unsigned int passed, failed;

static void check(bool good, const char *what)
{
	printf("%s %u - %s\n", good ? "ok" : "not ok", passed + failed + 1, what);
	if (good)
		passed++;
	else
		failed++;
}

/* Builds from assignments in one string, decodes, compares. */
static void check_text(const char *name, const char *assignments,
		       const char *wanted, const char *wanted_json)
{
	const struct request *request = request_by_name(name);
	struct message message = { .msg.fd = VHOST_BACKEND_FD_NONE };
	char copy[512], error[128] = "", *save, *list[32], text[2048] = "";
	size_t count = 0;
	FILE *out;

	snprintf(copy, sizeof(copy), "%s", assignments);
	for (char *a = strtok_r(copy, " ", &save); a; a = strtok_r(NULL, " ", &save))
		list[count++] = a;
	if (request_build(request, message.bytes, list, count, error, sizeof(error))) {
		check(wanted && !strcmp(wanted, error), error);
		return;
	}
	message.msg.request = request->number;
	message.msg.size = request->size;
	message.msg.flags = VHOST_BACKEND_MSG_VERSION;
	out = fmemopen(text, sizeof(text), "w");
	if (wanted)
		message_print(out, &message);
	else
		message_print_json(out, &message);
	fclose(out);
	for (char *c = text; *c; c++)
		if (*c == '"')
			*c = '\'';
	check(!strcmp(text, wanted ? wanted : wanted_json), text);
}

static void check_names(void)
{
	static const struct {
		const char *name;
		uint32_t number;
	} names[] = {
		{ "shmem-map", 1000 },
		{ "SHMEM_MAP", 1000 },
		{ "VHOST_USER_BACKEND_SHMEM_MAP", 1000 },
		{ "VHOST_BACKEND_SHMEM_UNMAP", 1001 },
		{ "std-shmem-map", 9 },
		{ "fs-map", 1002 },
		{ "DEPRECATED_FS_MAP", 1002 },
		{ "VHOST_USER_SLAVE_FS_IO", 1005 },
		{ "iotlb", 1 },
		{ "IOTLB_MSG", 1 },
		{ "VHOST_USER_BACKEND_CONFIG_CHANGE_MSG", 2 },
		{ "vring_host_notifier_msg", 3 },
		{ "Vring-Call", 4 },
		{ "shared-object-lookup", 8 },
		{ "1007", 1007 },
		{ "0x3ee", 1006 },
	};
	static const char *const wrong[] = {
		"", "shmem", "-msg", "backend", "99", "18446744073709551615",
		"a-name-that-is-much-longer-than-any-request-could-ever-be",
	};
	char name[REQUEST_NAME_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		const struct request *request = request_by_name(names[i].name);

		check(request && request->number == names[i].number, names[i].name);
	}
	for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
		check(!request_by_name(wrong[i]), wrong[i]);
	for (size_t i = 0; i < nr_requests; i++)
		check(request_by_name(request_short_name(&requests[i], name)) ==
		      &requests[i], name);
}

/* Every byte of a payload belongs to a field or to what is called padding. */
static void check_table(void)
{
	for (size_t i = 0; i < nr_requests; i++) {
		const struct request *request = &requests[i];
		size_t end = 0;

		for (size_t f = 0; f < request->nr_fields; f++) {
			const struct request_field *field = &request->fields[f];
			size_t last = field->offset + field->bytes * request->entries;

			if (last > end)
				end = last;
		}
		check(end <= request->size && request->size - end < 8 &&
		      request->size <= 256, request->name);
	}
}

static void check_masks(void)
{
	char error[128], list[2048] = "";
	uint64_t mask;

	check(!request_mask("all", &mask, error, sizeof(error)) &&
	      mask == (VHOST_BACKEND_REQUESTS_ALL |
		       VHOST_BACKEND_REQUESTS_SHARED_OBJECT), "all");
	check(!request_mask("none", &mask, error, sizeof(error)) && !mask, "none");
	check(!request_mask("vring-call,SHMEM_MAP,shmem-unmap", &mask, error,
			    sizeof(error)) && mask == 0x300000010ULL, "a list");
	check(request_mask("vring-call,nonsense", &mask, error, sizeof(error)) == -1 &&
	      strstr(error, "nonsense"), "an unknown name in a list");
	while (strlen(list) < 1500)
		strcat(list, "vring-call,");
	strcat(list, "shmem-unmap");
	check(!request_mask(list, &mask, error, sizeof(error)) && mask == 0x200000010ULL,
	      "the last name of a long list");
}

static void check_payloads(void)
{
	check_text("shmem-map", "shmid=3 shm_offset=0x2000 len=8k flags=rw",
		   "SHMEM_MAP flags=RW shmid=3 shm_offset=0x2000 fd_offset=0 len=0x2000",
		   NULL);
	check_text("shmem-map", "len=4096",
		   NULL, "'request':1000,'name':'SHMEM_MAP','id':0,'need_reply':false,"
		   JSON_MAP);
	check_text("iotlb", "iova=0x1000 size=16 uaddr=7 perm=WO type=access_fail source=65535",
		   "IOTLB_MSG iova=0x1000 size=0x10 uaddr=0x7 perm=WO type=ACCESS_FAIL source=65535",
		   NULL);
	check_text("config-change", "", "CONFIG_CHANGE_MSG", NULL);
	check_text("vring-call", "index=7", "VRING_CALL index=7 num=0", NULL);
	check_text("vring-host-notifier", "vring=255 nofd=1 size=4096 offset=4096",
		   "VRING_HOST_NOTIFIER_MSG vring=255 nofd=1 size=0x1000 offset=0x1000",
		   NULL);
	check_text("shared-object-add", "uuid=00112233-4455-6677-8899-aabbccddeeff",
		   "SHARED_OBJECT_ADD uuid=00112233-4455-6677-8899-aabbccddeeff", NULL);
	check_text("fs-unmap", "len=all flags=0",
		   "DEPRECATED_FS_UNMAP fd_offset[0]=0 c_offset[0]=0 len[0]=0xffffffffffffffff flags[0]=0",
		   NULL);
	check_text("fs-map", "len=1 len[7]=2 flags[7]=RW c_offset[7]=0x30",
		   "DEPRECATED_FS_MAP fd_offset[0]=0 c_offset[0]=0 len[0]=0x1 flags[0]=R fd_offset[7]=0 c_offset[7]=0x30 len[7]=0x2 flags[7]=RW",
		   NULL);
	check_text("external-map", "ptr=0x10 len=0x10",
		   "EXTERNAL_MAP shmid=0 shm_offset=0 len=0x10 ptr=0x10", NULL);
}

static void check_errors(void)
{
	check_text("shmem-map", "shmid=256", "shmid: at most 255", NULL);
	check_text("iotlb", "source=65536", "source: at most 65535", NULL);
	check_text("vring-host-notifier", "nofd=2", "nofd: at most 1", NULL);
	check_text("shmem-map", "len", "\"len\" is not FIELD=VALUE", NULL);
	check_text("shmem-map", "length=1", "SHMEM_MAP has no field \"length\"", NULL);
	check_text("shmem-map", "len[1]=1", "SHMEM_MAP has no field \"len[1]\"", NULL);
	check_text("fs-map", "len[8]=1", "DEPRECATED_FS_MAP has no field \"len[8]\"",
		   NULL);
	check_text("fs-map", "len[1=1", "DEPRECATED_FS_MAP has no field \"len[1\"",
		   NULL);
	check_text("fs-map", "len[-18446744073709551615]=1",
		   "DEPRECATED_FS_MAP has no field \"len[-18446744073709551615]\"", NULL);
	check_text("shmem-map", "len=1x", "len: \"1x\" is not a number", NULL);
	check_text("shmem-map", "len=-1", "len: \"-1\" is not a number", NULL);
	check_text("gpu-map", "device_uuid=12",
		   "device_uuid: \"12\" is neither a UUID nor \"random\"", NULL);
}

/* What the program does not know, it still shows. */
static void check_unknown(void)
{
	struct message message = {
		.msg = { .request = 77, .size = 3, .fd = VHOST_BACKEND_FD_PENDING,
			 .id = 5, .flags = VHOST_BACKEND_MSG_NEED_REPLY },
		.bytes = { 0x01, 0xab, 0xff },
	};
	char text[256] = "";
	FILE *out = fmemopen(text, sizeof(text), "w");

	message_print(out, &message);
	fclose(out);
	check(!strcmp(text, "request 77 id=0x5 payload=01abff file=pending need-reply"),
	      text);
}

static void check_numbers(void)
{
	uint64_t value;

	check(!number_parse("16M", &value) && value == 16 << 20, "16M");
	check(!number_parse("0xffffffffffffffff", &value) && value == UINT64_MAX,
	      "the largest number");
	check(number_parse("18446744073709551616", &value), "one more");
	check(number_parse("0xffffffffffffffffk", &value), "a multiple too large");
	check(number_parse("", &value), "no number");
}

int main(void)
{
	check_names();
	check_table();
	check_masks();
	check_payloads();
	check_errors();
	check_unknown();
	check_numbers();
	printf("1..%u\n%u passed, %u failed, 0 skipped\n", passed + failed, passed,
	       failed);
	return failed != 0;
}
