package pgauth

// Throttled returns how many pairs of user and address have failures.
func (a *Authenticator) Throttled() int {
	a.throttle.mu.Lock()
	defer a.throttle.mu.Unlock()
	return len(a.throttle.pairs)
}
