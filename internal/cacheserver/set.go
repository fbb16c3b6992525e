package cacheserver

import "time"

func setCommands() []command {
	one, all := [3]int{1, 1, 1}, [3]int{1, -1, 1}
	return []command{
		{"sadd", -3, write, one, sadd},
		{"srem", -3, write, one, srem},
		{"smembers", 2, readOnly, one, smembers},
		{"sismember", 3, readOnly, one, sismember},
		{"smismember", -3, readOnly, one, smismember},
		{"scard", 2, readOnly, one, scard},
		{"spop", -2, write, one, spop},
		{"srandmember", -2, readOnly, one, srandmember},
		{"smove", 4, write, [3]int{1, 2, 1}, smove},
		{"sinter", -2, readOnly, all, combine},
		{"sunion", -2, readOnly, all, combine},
		{"sdiff", -2, readOnly, all, combine},
		{"sinterstore", -3, write, all, combineStore},
		{"sunionstore", -3, write, all, combineStore},
		{"sdiffstore", -3, write, all, combineStore},
		{"sscan", -3, readOnly, one, sscan},
	}
}

func (i *item) addMember(m string) bool {
	if _, had := i.set[m]; had {
		return false
	}
	i.set[m] = struct{}{}
	i.size += int64(len(m)) + member
	return true
}

func (i *item) dropMember(m string) bool {
	if _, had := i.set[m]; !had {
		return false
	}
	delete(i.set, m)
	i.size -= int64(len(m)) + member
	return true
}

func sadd(c *client, a [][]byte) {
	i, ok := c.toWrite(a[1], kindSet)
	more := int64(0)
	for _, m := range a[2:] {
		more += int64(len(m)) + member
	}
	if !ok || !c.grows(i, more) {
		return
	}
	n := int64(0)
	for _, m := range a[2:] {
		if i.addMember(string(m)) {
			n++
		}
	}
	if n == 0 || c.wrote(a[1], i) {
		c.w.Int(n)
	}
}

func srem(c *client, a [][]byte) {
	i, ok := c.toWrite(a[1], kindSet)
	if !ok {
		return
	}
	n := int64(0)
	for _, m := range a[2:] {
		if i.dropMember(string(m)) {
			n++
		}
	}
	if n == 0 || c.wrote(a[1], i) {
		c.w.Int(n)
	}
}

func (i *item) has(m []byte) bool {
	if i == nil {
		return false
	}
	_, ok := i.set[string(m)]
	return ok
}

// members returns all of a set; nil has none.
func (i *item) members() []string {
	if i == nil {
		return nil
	}
	all := make([]string, 0, len(i.set))
	for m := range i.set {
		all = append(all, m)
	}
	return all
}

func (c *client) set(all []string) {
	c.w.Set(len(all))
	for _, m := range all {
		c.w.Text(m)
	}
}

func smembers(c *client, a [][]byte) {
	if i, ok := c.collection(a[1], kindSet); ok {
		c.set(i.members())
	}
}

func sismember(c *client, a [][]byte) {
	if i, ok := c.collection(a[1], kindSet); ok {
		c.w.Bool(i.has(a[2]))
	}
}

func smismember(c *client, a [][]byte) {
	i, ok := c.collection(a[1], kindSet)
	if !ok {
		return
	}
	c.w.Array(len(a) - 2)
	for _, m := range a[2:] {
		c.w.Bool(i.has(m))
	}
}

func scard(c *client, a [][]byte) {
	if i, ok := c.collection(a[1], kindSet); ok {
		c.w.Int(int64(i.len()))
	}
}

func spop(c *client, a [][]byte) {
	count, many, ok := c.howMany(a)
	if !ok {
		return
	}
	if many && count < 0 {
		c.w.Error("ERR value is out of range, must be positive")
		return
	}
	i, ok := c.toWrite(a[1], kindSet)
	if !ok {
		return
	}
	chosen := i.choose(count)
	for _, m := range chosen {
		i.dropMember(m)
	}
	if len(chosen) > 0 && !c.wrote(a[1], i) {
		return
	}
	switch {
	case many:
		c.set(chosen)
	case len(chosen) == 0:
		c.w.Null()
	default:
		c.w.Text(chosen[0])
	}
}

// howMany reads the count of SPOP and SRANDMEMBER, 1 when there is none.
func (c *client) howMany(a [][]byte) (count int64, many, ok bool) {
	switch len(a) {
	case 2:
		return 1, false, true
	case 3:
		count, ok = c.integer(a[2])
		return count, true, ok
	}
	c.w.Error(errSyntax)
	return 0, false, false
}

// choose returns members in no order: that in which Go walks a map begins at random.
func (i *item) choose(count int64) []string {
	var chosen []string
	if i == nil {
		return nil
	}
	for m := range i.set {
		if int64(len(chosen)) >= count {
			break
		}
		chosen = append(chosen, m)
	}
	return chosen
}

// maxDraws is how many members SRANDMEMBER draws with repetition.
const maxDraws = 100_000

func srandmember(c *client, a [][]byte) {
	count, many, ok := c.howMany(a)
	if !ok {
		return
	}
	if count < -maxDraws {
		c.w.Error("ERR value is out of range")
		return
	}
	i, ok := c.collection(a[1], kindSet)
	switch {
	case !ok:
	case !many && i == nil:
		c.w.Null()
	case !many:
		c.w.Text(i.choose(1)[0])
	case count >= 0:
		c.listOf(i.choose(count))
	case i == nil:
		c.w.Array(0)
	default:
		c.w.Array(int(-count))
		for range -count {
			c.w.Text(i.choose(1)[0])
		}
	}
}

func (c *client) listOf(all []string) {
	c.w.Array(len(all))
	for _, m := range all {
		c.w.Text(m)
	}
}

func smove(c *client, a [][]byte) {
	from, ok := c.ofKind(c.store.peek(c.key(a[1])), kindSet)
	if !ok {
		return
	}
	if from == nil {
		c.w.Int(0)
		return
	}
	to, ok := c.toWrite(a[2], kindSet)
	switch {
	case !ok:
	case !from.has(a[3]):
		c.w.Int(0)
	case from == to:
		c.w.Int(1)
	case c.grows(to, int64(len(a[3]))+member):
		from.dropMember(string(a[3]))
		to.addMember(string(a[3]))
		if c.wrote(a[1], from) && c.wrote(a[2], to) {
			c.w.Int(1)
		}
	}
}

// combined returns the intersection, union or difference of sets.
func (c *client) combined(how byte, names [][]byte) (result map[string]struct{}, ok bool) {
	sets := make([]*item, len(names))
	for n, name := range names {
		if sets[n], ok = c.collection(name, kindSet); !ok {
			return nil, false
		}
	}
	result = map[string]struct{}{}
	for _, m := range sets[0].members() {
		result[m] = struct{}{}
	}
	for _, s := range sets[1:] {
		if how == 'u' {
			for _, m := range s.members() {
				result[m] = struct{}{}
			}
			continue
		}
		for m := range result {
			if s.has([]byte(m)) == (how == 'd') {
				delete(result, m)
			}
		}
	}
	return result, true
}

// how tells SINTER, SUNION and SDIFF apart by their second letter.
func how(name []byte) byte { return name[1] | 0x20 }

func combine(c *client, a [][]byte) {
	if result, ok := c.combined(how(a[0]), a[1:]); ok {
		c.w.Set(len(result))
		for m := range result {
			c.w.Text(m)
		}
	}
}

func combineStore(c *client, a [][]byte) {
	result, ok := c.combined(how(a[0]), a[2:])
	if !ok {
		return
	}
	i := &item{kind: kindSet, set: result}
	for m := range result {
		i.size += int64(len(m)) + member
	}
	if i.size > c.server.maxValue() {
		c.w.Error(errTooLarge)
		return
	}
	c.store.mem.Delete(c.key(a[1]))
	if len(result) > 0 && !c.store.put(c.key(a[1]), i, time.Time{}) {
		c.w.Error(errRoom)
		return
	}
	c.w.Int(int64(len(result)))
}

func sscan(c *client, a [][]byte) {
	i, o, ok := c.scanAll(a, kindSet)
	if !ok {
		return
	}
	var found []string
	for _, m := range i.members() {
		if match(o.pattern, m) {
			found = append(found, m)
		}
	}
	c.w.Array(2)
	c.w.Text("0")
	c.listOf(found)
}
