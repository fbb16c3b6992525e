package epoll

import "testing"

// A loop stays on its thread while events come alone, and not by a chance that several clients have as well.
func TestALoopKeepsItsThreadForOneClientAtATime(t *testing.T) {
	t.Parallel()
	x := thread{keeps: true}
	for i := range 3 * settled {
		x.after(1)
		x.after(0) // a timer
		if want := i >= settled; x.locked != want {
			t.Fatalf("after %d events that came alone: locked %t", i+1, x.locked)
		}
	}
	x.after(2)
	if x.locked || x.alone != 0 {
		t.Errorf("after two events at once: %+v", x)
	}
	for range settled {
		x.after(1)
	}
	x.after(3)
	x.after(1)
	if x.locked {
		t.Error("many clients, and it stays")
	}
	for range settled {
		x.after(1)
	}
	if !x.locked {
		t.Error("one client again, and it goes")
	}
	x.leave()
	free := thread{}
	for range 2 * settled {
		free.after(1)
	}
	if x.locked || free.locked {
		t.Errorf("%+v, %+v", x, free)
	}
}
