package gio_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// What `nft` would be told, for which the program need not be there:
//
//	table ip t { chain c {
//		type filter hook prerouting priority mangle;
//		meta l4proto tcp tproxy to TO
//	} }
//
// Packets of connections whose socket is not transparent go their way.
func steer(to *net.TCPAddr) error {
	var b netlinkBatch
	b.message(unix.NFNL_MSG_BATCH_BEGIN, unix.NFNL_SUBSYS_NFTABLES, nil)
	table := attr(unix.NFTA_TABLE_NAME, []byte("t\x00"))
	b.message(nft|unix.NFT_MSG_NEWTABLE, 0, table)
	hook := append(attr(unix.NFTA_HOOK_HOOKNUM, be32(unix.NF_INET_PRE_ROUTING)),
		attr(unix.NFTA_HOOK_PRIORITY, be32(uint32(0xffffffff-150+1)))...) // mangle
	b.message(nft|unix.NFT_MSG_NEWCHAIN, 0, join3(attr(unix.NFTA_CHAIN_TABLE, []byte("t\x00")),
		attr(unix.NFTA_CHAIN_NAME, []byte("c\x00")), nest(unix.NFTA_CHAIN_HOOK, hook), attr(unix.NFTA_CHAIN_TYPE, []byte("filter\x00"))))
	expressions := join3(
		expression("immediate", load(unix.NFT_REG_1, to.IP.To4())),
		expression("immediate", load(unix.NFT_REG_2, binary.BigEndian.AppendUint16(nil, uint16(to.Port)))),
		expression("tproxy", join3(attr(1, be32(unix.NFPROTO_IPV4)), attr(2, be32(unix.NFT_REG_1)), attr(3, be32(unix.NFT_REG_2)))))
	b.message(nft|unix.NFT_MSG_NEWRULE, 0, join3(attr(unix.NFTA_RULE_TABLE, []byte("t\x00")),
		attr(unix.NFTA_RULE_CHAIN, []byte("c\x00")), nest(unix.NFTA_RULE_EXPRESSIONS, expressions)))
	b.message(unix.NFNL_MSG_BATCH_END, unix.NFNL_SUBSYS_NFTABLES, nil)
	return b.send()
}

const nft = unix.NFNL_SUBSYS_NFTABLES << 8

func be32(n uint32) []byte { return binary.BigEndian.AppendUint32(nil, n) }

func join3(parts ...[]byte) []byte { return bytes.Join(parts, nil) }

func attr(kind uint16, value []byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(4+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	return append(b, make([]byte, (4-len(b)%4)%4)...)
}

func nest(kind uint16, value []byte) []byte { return attr(kind|unix.NLA_F_NESTED, value) }

func load(register uint32, value []byte) []byte {
	return append(attr(unix.NFTA_IMMEDIATE_DREG, be32(register)),
		nest(unix.NFTA_IMMEDIATE_DATA, attr(unix.NFTA_DATA_VALUE, value))...)
}

func expression(name string, data []byte) []byte {
	return nest(unix.NFTA_LIST_ELEM, append(attr(unix.NFTA_EXPR_NAME, append([]byte(name), 0)), nest(unix.NFTA_EXPR_DATA, data)...))
}

// netlinkBatch is messages that take effect together.
type netlinkBatch struct {
	bytes []byte
	seq   uint32
}

// message adds one, whose answer is asked for where there is one.
func (b *netlinkBatch) message(kind, resource uint16, attrs []byte) {
	flags := uint16(unix.NLM_F_REQUEST)
	family := byte(unix.AF_UNSPEC)
	if attrs != nil {
		flags |= unix.NLM_F_ACK | unix.NLM_F_CREATE | unix.NLM_F_APPEND
		family = unix.NFPROTO_IPV4
	}
	m := binary.NativeEndian.AppendUint32(b.bytes, uint32(unix.NLMSG_HDRLEN+4+len(attrs)))
	m = binary.NativeEndian.AppendUint16(m, kind)
	m = binary.NativeEndian.AppendUint16(m, flags)
	m = binary.NativeEndian.AppendUint32(m, b.seq)
	m = binary.NativeEndian.AppendUint32(m, 0)
	m = append(m, family, unix.NFNETLINK_V0)
	m = binary.BigEndian.AppendUint16(m, resource)
	b.bytes = append(m, attrs...)
	b.seq++
}

// send waits for the answer to each message, but for those around the batch.
func (b *netlinkBatch) send() error {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_NETFILTER)
	if err != nil {
		return os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)
	if err := unix.Sendto(fd, b.bytes, 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return os.NewSyscallError("sendto", err)
	}
	for left := int(b.seq) - 2; left > 0; {
		buf := make([]byte, 1<<16)
		n, _, err := unix.Recvfrom(fd, buf, 0)
		if err != nil {
			return os.NewSyscallError("recvfrom", err)
		}
		answers, err := syscall.ParseNetlinkMessage(buf[:n])
		if err != nil {
			return err
		}
		for _, a := range answers {
			if a.Header.Type != unix.NLMSG_ERROR {
				continue
			}
			if errno := -int32(binary.NativeEndian.Uint32(a.Data)); errno != 0 {
				return fmt.Errorf("message %d: %w", a.Header.Seq, syscall.Errno(errno))
			}
			left--
		}
	}
	return nil
}
