package gitrepo_test

const childDir = "GITREPO_TEST_CHILD"

func fetchForEver(string) int { return 0 }
