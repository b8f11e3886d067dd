package auth_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/motionmill/motionmill/auth"
)

func TestGuessingIsSlowedDown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := withUser(t)
		try := func(name, word, from string) error {
			_, err := a.Login(t.Context(), name, word, from)
			return err
		}
		var tooMany *auth.TooMany
		var refused int
		var errs = make([]error, 30)
		var wait sync.WaitGroup
		for i := range errs { // at once: the limit must hold all the same
			wait.Go(func() { errs[i] = try("anna", "guess number one", "192.0.2.1") })
		}
		wait.Wait()
		for _, err := range errs {
			if errors.As(err, &tooMany) {
				refused++
			}
		}
		if refused != 25 {
			t.Errorf("%d of 30 guesses were refused, want all but 5", refused)
		}
		if err := try("anna", password, "192.0.2.1"); !errors.As(err, &tooMany) || tooMany.RetryAfter > 15*time.Minute || tooMany.RetryAfter <= 0 {
			t.Errorf("the right password after five wrong ones gave %v", err)
		}
		if err := try("anna", password, "192.0.2.2"); err != nil {
			t.Errorf("the owner, from elsewhere, is locked out: %v", err)
		}
		time.Sleep(15 * time.Minute)
		if err := try("anna", password, "192.0.2.1"); err != nil {
			t.Errorf("after the pause: %v", err)
		}

		// One address and many names; then one network of IPv6, and many addresses.
		for _, from := range []func(i int) string{
			func(int) string { return "192.0.2.9" },
			func(i int) string { return "2001:db8::" + string("0123456789abcdef"[i%16]) },
		} {
			refused = 0
			for i := range 60 {
				if errors.As(try(strings.Repeat("n", i+1), "whatever it is", from(i)), &tooMany) {
					refused++
				}
			}
			if refused != 10 {
				t.Errorf("%d of 60 names were refused, want 10", refused)
			}
		}
		// One name from many addresses.
		refused = 0
		for i := range 60 {
			if errors.As(try("anna", "whatever it is", fmt.Sprintf("198.51.100.%d", i)), &tooMany) {
				refused++
			}
		}
		if refused != 10 {
			t.Errorf("%d of 60 addresses were refused, want 10", refused)
		}
	})
}

func TestRightPasswordsAreNotCounted(t *testing.T) {
	a := withUser(t)
	for range 60 {
		login(t, a)
	}
	for range 3 {
		for range 4 {
			_, err := a.Login(t.Context(), "anna", "mistyped it again", "192.0.2.1")
			wantDenied(t, "a typo", err, auth.BadPassword)
		}
		login(t, a)
	}
}
