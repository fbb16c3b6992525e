package gitrepo

// refuseNetworkDisk says why a mirror must not lie at a path, of which look tells the file system (S4-06, C-06).
func refuseNetworkDisk(path string, look func(string) (kind string, network bool)) error {
	kind, network := look(path)
	if !network {
		return nil
	}
	return like(ErrNetworkDisk, "the mirror's directory %s is on %s: git is slow there, and its locks are not safe", path, kind).
		WithHint("choose a paths.state on a local disk; the mirror can be cloned anew at any time, so it needs no sharing and no backup")
}
