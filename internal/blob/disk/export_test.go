package disk

// Degrade makes the store believe that its file system can do nothing special, as if the first write had found out.
func (s *Store) Degrade() {
	s.probe.Do(func() {})
	s.noUnnamed.Store(true)
	s.noAttribute.Store(true)
	s.noExclusive.Store(true)
	s.noAllocate.Store(true)
	s.network = true
}

// WithoutOpenat2 makes the store believe that the kernel does not know openat2.
func (s *Store) WithoutOpenat2() { s.root.walked = true }

// AssumeKind makes the store believe that it lies on a file system of that kind.
func (s *Store) AssumeKind(kind string) { s.kind = kind }

// OpenNarrow opens or makes a store with four shards: a full listing on a slow file system is then a matter of milliseconds.
func OpenNarrow(root string) (*Store, error) { return openWith(Options{Root: root, Create: true}, 4) }
