package console

import (
	"strconv"
	"strings"
	"time"
)

func settingTable() table[Setting] {
	return table[Setting]{
		text("key", func(s Setting) string { return s.Key }),
		text("value", func(s Setting) string { return s.Value }),
		text("default", func(s Setting) string { return s.Default }),
		text("changeable", func(s Setting) string { return yesNo(s.Changeable) }),
	}
}

func descriptorTable() table[Descriptor] {
	secret := func(Descriptor) string { return "" }
	key := func(name string) column[Descriptor] {
		return column[Descriptor]{field{name, byteaKind}, func(Descriptor) cell { return cell{null: true} }}
	}
	return table[Descriptor]{
		count("fd", func(d Descriptor) int { return d.FD }),
		text("task", func(d Descriptor) string { return d.Task }),
		optional("user", func(d Descriptor) string { return d.User }),
		optional("database", func(d Descriptor) string { return d.Database }),
		text("addr", func(d Descriptor) string { return d.Addr }),
		count("port", func(d Descriptor) int { return d.Port }),
		large("cancel", func(Descriptor) int64 { return 0 }),
		count("link", func(d Descriptor) int { return d.Link }),
		optional("client_encoding", func(d Descriptor) string { return d.ClientEncoding }),
		optional("std_strings", func(d Descriptor) string { return d.StdStrings }),
		optional("datestyle", func(d Descriptor) string { return d.DateStyle }),
		optional("timezone", func(d Descriptor) string { return d.TimeZone }),
		optional("password", secret),
		key("scram_client_key"),
		key("scram_server_key"),
	}
}

func memoryTable() table[Memory] {
	return table[Memory]{
		text("name", func(m Memory) string { return m.Name }),
		count("size", func(m Memory) int { return clamp(m.Size) }),
		count("used", func(m Memory) int { return clamp(m.Used) }),
		count("free", func(m Memory) int { return clamp(m.Free) }),
		count("memtotal", func(m Memory) int { return clamp(m.Total) }),
	}
}

func stateTable() table[Setting] {
	return table[Setting]{
		text("key", func(s Setting) string { return s.Key }),
		text("value", func(s Setting) string { return s.Value }),
	}
}

func (s State) rows() []Setting {
	var out []Setting
	for _, is := range []State{Active, Paused, Suspended} {
		out = append(out, Setting{Key: string(is), Value: yesNo(s == is)})
	}
	return out
}

func dnsHostTable() table[DNSHost] {
	return table[DNSHost]{
		text("hostname", func(d DNSHost) string { return d.Name }),
		large("ttl", func(d DNSHost) int64 { return int64(d.TTL / time.Second) }),
		text("addrs", func(d DNSHost) string { return strings.Join(d.Addrs, ",") }),
	}
}

func dnsZoneTable() table[DNSZone] {
	return table[DNSZone]{
		text("zonename", func(d DNSZone) string { return d.Name }),
		large("serial", func(d DNSZone) int64 { return d.Serial }),
		count("count", func(d DNSZone) int { return d.Count }),
	}
}

func yesNo(yes bool) string {
	if yes {
		return "yes"
	}
	return "no"
}

// unlessZero writes a number, or nothing when it is zero.
func unlessZero(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

// clamp keeps a number within the four bytes that the column has.
func clamp(n int64) int {
	const most = 1<<31 - 1
	return int(min(max(n, -most), most))
}
