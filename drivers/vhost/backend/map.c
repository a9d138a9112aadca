// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two mappings of a channel with VHOST_BACKEND_SETUP_MMAP: the control area, which
 * the frontend writes too, and the ring, which it only reads.
 *
 * A mapping keeps the memory, but not the channel: it has a file of its own in place of
 * the channel's. Otherwise a killed VMM would never go away whose channel holds a vhost
 * device, which holds the VMM's address space, and with it this mapping.
 */
#include <linux/anon_inodes.h>
#include <linux/err.h>
#include <linux/fs.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/vmalloc.h>

#include "channel.h"
#include "compat.h"
#include "map.h"

static int memory_release(struct inode *inode, struct file *file)
{
	vhost_backend_channel_put(file->private_data);
	return 0;
}

/* Of the file that stands for the memory; nobody has a descriptor of it. */
static const struct file_operations memory_fops = {
	.owner = THIS_MODULE,
	.release = memory_release,
	.llseek = noop_llseek,
};

static bool is_ring(const struct vm_area_struct *vma)
{
	return vma->vm_pgoff == VHOST_BACKEND_MMAP_RING >> PAGE_SHIFT;
}

/* The page's offset in its area was checked when it was mapped, and can't change. */
static vm_fault_t fault(struct vm_fault *vmf)
{
	const struct vm_area_struct *vma = vmf->vma;
	const struct vhost_backend_channel *channel = vma->vm_file->private_data;
	void *area = is_ring(vma) ? channel->ring_area : channel->ctl_area;

	vmf->page = vmalloc_to_page(area + ((vmf->pgoff - vma->vm_pgoff) << PAGE_SHIFT));
	get_page(vmf->page);
	return 0;
}

/* Each is mapped as a whole: munmap(), mremap() and mprotect() of a part fail. */
static int may_split(struct vm_area_struct *vma, unsigned long address)
{
	return -EINVAL;
}

static const struct vm_operations_struct map_ops = {
	.fault = fault,
	.may_split = may_split,
};

static int check_map(const struct vhost_backend_channel *channel,
		     const struct vm_area_struct *vma)
{
	unsigned long bytes = vma->vm_end - vma->vm_start;

	if (!(vma->vm_flags & VM_MAYSHARE))
		return -EINVAL;
	if (vma->vm_pgoff == VHOST_BACKEND_MMAP_CTL >> PAGE_SHIFT)
		return bytes == channel->setup.ctl_bytes ? 0 : -EINVAL;
	if (!is_ring(vma) || bytes != channel->setup.ring_bytes)
		return -EINVAL;
	if (vma->vm_flags & VM_WRITE)
		return -EPERM;
	/* Whoever reads the ring is to have the address space that these name. */
	return vhost_backend_channel_accepts(channel, VHOST_BACKEND_EXTERNAL_MAP) &&
	       current->mm != channel->mm ? -EPERM : 0;
}

/**
 * vhost_backend_map() - mmap
 * @channel: READY
 * @vma: what is to be mapped
 *
 * Context: Process context, the address space's mmap_lock held.
 * Return: 0; -ENODEV a channel that is read; -EINVAL neither of the two areas as a whole,
 * or private; -EPERM a writable ring, or one with EXTERNAL_MAP in another address space
 * than the frontend's; -ENOMEM, -ENFILE.
 */
int vhost_backend_map(struct vhost_backend_channel *channel, struct vm_area_struct *vma)
{
	struct file *memory;
	int err;

	if (!vhost_backend_channel_is_mapped(channel))
		return -ENODEV;
	err = check_map(channel, vma);
	if (err)
		return err;
	memory = anon_inode_getfile("[vhost-backend]", &memory_fops, channel, O_RDWR);
	if (IS_ERR(memory))
		return PTR_ERR(memory);
	vhost_backend_channel_get(channel);
	vma_set_file(vma, memory);
	fput(memory);
	vma->vm_ops = &map_ops;
	vhost_backend_vm_flags_set(vma, VM_DONTEXPAND | VM_DONTCOPY);
	if (is_ring(vma))
		vhost_backend_vm_flags_clear(vma, VM_MAYWRITE);
	return 0;
}
