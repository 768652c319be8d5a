package forecast

import "testing"

func TestRain(t *testing.T) {
	if Of("x") == "" {
		t.Fatal("no forecast")
	}
}
