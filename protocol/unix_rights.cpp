// SPDX-License-Identifier: Apache-2.0
#include "protocol/unix_rights.h"

#include <sys/socket.h>

#include <array>
#include <cstring>

namespace rollback {

namespace {

// Room for one; the kernel drops what does not fit and says so. Rounding leaves room for a second.
struct alignas(cmsghdr) Control {
  std::array<char, CMSG_SPACE(sizeof(int))> bytes{};
};

msghdr message(iovec& bytes, Control& control) {
  msghdr message{};
  message.msg_iov = &bytes;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = control.bytes.size();
  return message;
}

void take_descriptors(const cmsghdr& part, ReceivedBytes& received) {
  const std::size_t count = (part.cmsg_len - CMSG_LEN(0)) / sizeof(int);
  for (std::size_t i = 0; i < count; ++i) {
    int fd = -1;
    std::memcpy(&fd, CMSG_DATA(&part) + i * sizeof fd, sizeof fd);
    Descriptor taken(fd);
    received.too_many |= bool(received.descriptor);
    if (!received.descriptor) received.descriptor = std::move(taken);
  }
}

}  // namespace

ReceivedBytes receive_with_descriptor(int socket, char* bytes, std::size_t size) {
  iovec piece{bytes, size};
  Control control;
  msghdr header = message(piece, control);
  ReceivedBytes received;
  received.size = ::recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
  if (received.size < 0) return received;
  for (cmsghdr* part = CMSG_FIRSTHDR(&header); part != nullptr; part = CMSG_NXTHDR(&header, part))
    if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_RIGHTS)
      take_descriptors(*part, received);
  received.too_many |= (header.msg_flags & MSG_CTRUNC) != 0;
  if (received.too_many) received.descriptor.reset();
  return received;
}

ssize_t send_with_descriptor(int socket, std::string_view bytes, int descriptor) {
  iovec piece{const_cast<char*>(bytes.data()), bytes.size()};  // sendmsg() only reads it
  Control control;
  msghdr header = message(piece, control);
  cmsghdr* const part = CMSG_FIRSTHDR(&header);
  part->cmsg_level = SOL_SOCKET;
  part->cmsg_type = SCM_RIGHTS;
  part->cmsg_len = CMSG_LEN(sizeof descriptor);
  std::memcpy(CMSG_DATA(part), &descriptor, sizeof descriptor);
  return ::sendmsg(socket, &header, MSG_NOSIGNAL);
}

}  // namespace rollback
