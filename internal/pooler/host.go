package pooler

import (
	"fmt"
	"strconv"
	"strings"

	"holdfast/internal/cluster"
)

// maxWeight is far above what machines differ by.
const maxWeight = 1000

// parseHost reads a server of a list: an address or the path of a socket, and perhaps its weight among the replicas.
func parseHost(text string) (cluster.Host, error) {
	words := strings.Fields(text)
	if len(words) == 0 {
		return cluster.Host{}, fmt.Errorf("%q names no server", text)
	}
	h := hostAt(words[0])
	for _, word := range words[1:] {
		value, ok := strings.CutPrefix(word, "weight=")
		n, err := strconv.Atoi(value)
		if !ok || err != nil || n < 0 || n > maxWeight {
			return h, fmt.Errorf("%q is not weight=N with N from 0 to %d", word, maxWeight)
		}
		if h.Weight = n; n == 0 {
			h.Weight = -1 // cluster's word for: takes no reads
		}
	}
	return h, nil
}

// addressesOf returns where the hosts are.
func addressesOf(hosts []cluster.Host) []string {
	all := make([]string, len(hosts))
	for i, h := range hosts {
		all[i] = h.Address
	}
	return all
}

// hostAt is a server by its address alone.
func hostAt(address string) cluster.Host {
	h := cluster.Host{Network: "tcp", Address: address, Weight: 1}
	if strings.HasPrefix(address, "/") {
		h.Network = "unix"
	}
	return h
}

// parseHosts reads a list.
func parseHosts(texts []string) ([]cluster.Host, error) {
	hosts := make([]cluster.Host, len(texts))
	for i, text := range texts {
		var err error
		if hosts[i], err = parseHost(text); err != nil {
			return nil, err
		}
	}
	return hosts, nil
}
