package auth_test

import (
	"context"
	"database/sql"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/motionmill/motionmill/auth"
	"github.com/motionmill/motionmill/local/database"
)

const password = "correct horse battery"

// cheap makes hashes that take no time; one test uses the real cost.
var cheap = auth.Cost{Memory: 64, Passes: 1, Lanes: 1}

func openDB(t *testing.T, path string) *sql.DB {
	t.Helper()
	db, err := database.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func openAccounts(t *testing.T, path string) *auth.Accounts {
	t.Helper()
	a, err := auth.OpenAccounts(t.Context(), auth.AccountsConfig{DB: openDB(t, path), Cost: cheap})
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// withUser gives accounts with the user anna, an uploader.
func withUser(t *testing.T) *auth.Accounts {
	t.Helper()
	a := openAccounts(t, filepath.Join(t.TempDir(), "users.db"))
	if err := a.Add(t.Context(), "anna", password, auth.Uploader); err != nil {
		t.Fatal(err)
	}
	return a
}

func login(t *testing.T, a *auth.Accounts) auth.Tokens {
	t.Helper()
	tokens, err := a.Login(t.Context(), "anna", password, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	return tokens
}

func TestSignInAndOut(t *testing.T) {
	a := withUser(t)
	tokens, err := a.Login(t.Context(), " Anna ", password, "192.0.2.1")
	if err != nil {
		t.Fatal(err)
	}
	if left := time.Until(tokens.AccessExpires); left > 10*time.Minute || left < 9*time.Minute {
		t.Errorf("the access token is good for %v", left)
	}
	who, err := a.Verify(t.Context(), tokens.Access)
	if err != nil || who.Subject != "anna" || who.Role != auth.Uploader || who.Session == "" || who != tokens.Identity {
		t.Errorf("got %+v, %v; want %+v", who, err, tokens.Identity)
	}
	if err := a.LogoutBy(t.Context(), tokens.Refresh); err != nil {
		t.Error(err)
	}
	_, err = a.Verify(t.Context(), tokens.Access)
	wantDenied(t, "an access token after the sign-out", err, auth.Ended)
	_, err = a.Refresh(t.Context(), tokens.Refresh)
	wantDenied(t, "a refresh token after the sign-out", err, auth.Ended)
	for _, none := range []string{"", "mmr1.", tokens.Refresh} {
		if err := a.LogoutBy(t.Context(), none); err != nil {
			t.Errorf("signing out by %q: %v", none, err)
		}
	}
}

func TestWrongNamesAndPasswords(t *testing.T) {
	a := withUser(t)
	for name, wrong := range map[string]string{
		"anna": "Correct horse battery", "nobody": password, "": password, "anna'--": password, "anna\x00": password, "ann%": password,
		"an": strings.Repeat("x", 5000),
	} {
		_, err := a.Login(t.Context(), name, wrong, "192.0.2.1")
		wantDenied(t, name, err, auth.BadPassword)
		if strings.Contains(err.Error(), "anna") {
			t.Errorf("the error tells which names there are: %v", err)
		}
	}
}

func TestReusedRefreshTokenEndsTheSession(t *testing.T) {
	a := withUser(t)
	first, bystander := login(t, a), login(t, a)
	second, err := a.Refresh(t.Context(), first.Refresh)
	if err != nil {
		t.Fatal(err)
	}
	third, err := a.Refresh(t.Context(), second.Refresh)
	if err != nil || third.Refresh == second.Refresh || third.Identity.Session != first.Identity.Session {
		t.Fatalf("got %+v, %v", third, err)
	}
	if _, err := a.Verify(t.Context(), third.Access); err != nil {
		t.Error(err)
	}

	// Someone has the first token as well. Thief or owner, the session ends.
	_, err = a.Refresh(t.Context(), first.Refresh)
	wantDenied(t, "a refresh token used before", err, auth.Reused)
	var denied *auth.Denied
	if errors.As(err, &denied); denied.Subject != "anna" {
		t.Errorf("the log would not learn whose it was: %+v", denied)
	}
	_, err = a.Refresh(t.Context(), third.Refresh)
	wantDenied(t, "the newest token of that session", err, auth.Ended)
	_, err = a.Verify(t.Context(), third.Access)
	wantDenied(t, "the access token of that session", err, auth.Ended)
	if _, err := a.Refresh(t.Context(), bystander.Refresh); err != nil {
		t.Errorf("another session of the user: %v", err)
	}
}

func TestOneOfManyRefreshesAtOnceWins(t *testing.T) {
	a := withUser(t)
	tokens := login(t, a)
	var won, reused, ended atomic.Int64
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			_, err := a.Refresh(context.WithoutCancel(t.Context()), tokens.Refresh)
			var denied *auth.Denied
			switch {
			case err == nil:
				won.Add(1)
			case errors.As(err, &denied) && denied.Reason == auth.Reused:
				reused.Add(1)
			case errors.As(err, &denied) && denied.Reason == auth.Ended:
				ended.Add(1)
			default:
				t.Error(err)
			}
		})
	}
	wait.Wait()
	if won.Load() != 1 || reused.Load() != 1 || ended.Load() != 6 {
		t.Errorf("%d won, %d were found reused, %d came after the end; want 1, 1, 6", won.Load(), reused.Load(), ended.Load())
	}
}

func TestForgedRefreshTokens(t *testing.T) {
	a := withUser(t)
	tokens := login(t, a)
	session := tokens.Identity.Session
	for token, want := range map[string]auth.Reason{
		"": auth.Malformed, "mmr1": auth.Malformed, "mmr2." + session + ".x": auth.Malformed, "mmr1." + session: auth.Malformed,
		"mmr1." + session + ".": auth.Malformed, "mmr1.%.x": auth.Ended, tokens.Access: auth.Malformed, strings.Repeat("mmr1.", 9000): auth.Malformed,
	} {
		_, err := a.Refresh(t.Context(), token)
		wantDenied(t, token, err, want)
	}
	if _, err := a.Refresh(t.Context(), tokens.Refresh); err != nil {
		t.Errorf("the real one: %v", err)
	}
}

func TestForgedAccessTokens(t *testing.T) {
	a := withUser(t)
	tokens := login(t, a)
	claims := jwt.MapClaims{"iss": "motionmill", "aud": "motionmill", "sub": "anna", "sid": tokens.Identity.Session, "exp": time.Now().Add(time.Hour).Unix()}
	_, err := a.Verify(t.Context(), sign(t, jwt.SigningMethodHS256, []byte(strings.Repeat("s", 32)), claims))
	wantDenied(t, "another key", err, auth.Forged)
	_, err = a.Verify(t.Context(), sign(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, claims))
	wantDenied(t, "alg none", err, auth.WrongMethod)
	_, err = a.Verify(t.Context(), tokens.Refresh)
	wantDenied(t, "a refresh token", err, auth.Malformed)

	grants, err := auth.NewGrants(a.GrantKey())
	if err != nil {
		t.Fatal(err)
	}
	share, err := grants.Sign(auth.Share, auth.Grant{Job: "j", By: "anna", Expires: time.Now().Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Verify(t.Context(), share)
	wantDenied(t, "a share link", err, auth.Forged)
	other := withUser(t)
	_, err = other.Verify(t.Context(), tokens.Access)
	wantDenied(t, "the token of another stage", err, auth.Forged)
}

func TestTimesOfASession(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := withUser(t)
		tokens := login(t, a)
		time.Sleep(auth.AccessFor - time.Second)
		if _, err := a.Verify(t.Context(), tokens.Access); err != nil {
			t.Errorf("just before its end: %v", err)
		}
		time.Sleep(time.Second)
		_, err := a.Verify(t.Context(), tokens.Access)
		wantDenied(t, "an expired access token", err, auth.Expired)

		// Refreshed each six days it lives thirty, and no longer.
		for range 4 {
			time.Sleep(6 * 24 * time.Hour)
			if tokens, err = a.Refresh(t.Context(), tokens.Refresh); err != nil {
				t.Fatal(err)
			}
		}
		if left := time.Until(tokens.RefreshExpires); left > 6*24*time.Hour {
			t.Errorf("after 24 days it lives for %v more", left)
		}
		time.Sleep(6 * 24 * time.Hour)
		_, err = a.Refresh(t.Context(), tokens.Refresh)
		wantDenied(t, "a session of a month", err, auth.Ended)

		tokens = login(t, a)
		time.Sleep(auth.RefreshFor)
		_, err = a.Refresh(t.Context(), tokens.Refresh)
		wantDenied(t, "a session that was left alone", err, auth.Ended)
	})
}

func TestChangesOfAUserHoldAtOnce(t *testing.T) {
	path := filepath.Join(t.TempDir(), "users.db")
	server, admin := openAccounts(t, path), openAccounts(t, path) // two processes
	ctx := t.Context()
	if err := admin.Add(ctx, "anna", password, auth.Viewer); err != nil {
		t.Fatal(err)
	}
	tokens := login(t, server)
	if err := admin.SetRole(ctx, "anna", auth.Admin); err != nil {
		t.Fatal(err)
	}
	if who, err := server.Verify(ctx, tokens.Access); err != nil || who.Role != auth.Admin {
		t.Errorf("after the role was changed: %+v, %v", who, err)
	}
	if err := admin.SetPassword(ctx, "anna", "another good password"); err != nil {
		t.Fatal(err)
	}
	_, err := server.Verify(ctx, tokens.Access)
	wantDenied(t, "a session of the old password", err, auth.Ended)
	_, err = server.Login(ctx, "anna", password, "192.0.2.1")
	wantDenied(t, "the old password", err, auth.BadPassword)
	if tokens, err = server.Login(ctx, "anna", "another good password", "192.0.2.1"); err != nil {
		t.Fatal(err)
	}
	if err := admin.Remove(ctx, "anna"); err != nil {
		t.Fatal(err)
	}
	_, err = server.Refresh(ctx, tokens.Refresh)
	wantDenied(t, "a removed user's refresh token", err, auth.Ended)
	if err := admin.Add(ctx, "anna", password, auth.Viewer); err != nil {
		t.Fatal(err)
	}
	_, err = server.Verify(ctx, tokens.Access)
	wantDenied(t, "the token of an earlier user of that name", err, auth.Ended)
}

func TestListOfUsers(t *testing.T) {
	a := withUser(t)
	ctx := t.Context()
	login(t, a)
	login(t, a)
	if err := a.Add(ctx, "Ben@example.com", password, auth.Admin); err != nil {
		t.Fatal(err)
	}
	users, err := a.List(ctx)
	if err != nil || len(users) != 2 {
		t.Fatalf("got %+v, %v", users, err)
	}
	if u := users[0]; u.Name != "anna" || u.Role != auth.Uploader || u.Sessions != 2 || time.Since(u.CreatedAt) > time.Minute {
		t.Errorf("got %+v", u)
	}
	if u := users[1]; u.Name != "ben@example.com" || u.Role != auth.Admin || u.Sessions != 0 {
		t.Errorf("got %+v", u)
	}
}

func TestUsersThatCannotBe(t *testing.T) {
	a := withUser(t)
	ctx := t.Context()
	if err := a.Add(ctx, "ANNA", password, auth.Viewer); !errors.Is(err, auth.ErrUserExists) {
		t.Errorf("a second anna gave %v", err)
	}
	for _, name := range []string{"", "a b", "a/b", "ä", "a\nb", strings.Repeat("a", 65)} {
		if err := a.Add(ctx, name, password, auth.Viewer); err == nil {
			t.Errorf("the name %q was taken", name)
		}
	}
	for _, bad := range []string{"", "short", "ben@example.com", strings.Repeat("x", 1025), "twelve chars\xff"} {
		err := a.Add(ctx, "ben@example.com", bad, auth.Viewer)
		if err == nil {
			t.Errorf("the password %q was taken", bad)
		} else if bad == "short" && strings.Contains(err.Error(), bad) {
			t.Errorf("the error repeats the password: %v", err)
		}
	}
	if err := a.Add(ctx, "ben", password, auth.None); err == nil {
		t.Error("a user without a role was added")
	}
	for what, err := range map[string]error{
		"remove": a.Remove(ctx, "ben"), "password": a.SetPassword(ctx, "ben", password), "role": a.SetRole(ctx, "ben", auth.Viewer),
	} {
		if !errors.Is(err, auth.ErrNoUser) {
			t.Errorf("%s of a user that is not there gave %v", what, err)
		}
	}
}

func TestSessionsOfAUserAreBounded(t *testing.T) {
	a := withUser(t)
	for range 51 {
		login(t, a)
	}
	users, err := a.List(t.Context())
	if err != nil || users[0].Sessions != 50 {
		t.Errorf("got %+v, %v", users, err)
	}
}

func TestRoleNames(t *testing.T) {
	roles := []auth.Role{auth.None, auth.Viewer, auth.Uploader, auth.Admin}
	if !slices.IsSorted(roles) {
		t.Error("the roles are not in order")
	}
	for _, role := range roles {
		if got, err := auth.ParseRole(role.String()); err != nil || got != role {
			t.Errorf("%v is read as %v, %v", role, got, err)
		}
	}
	if _, err := auth.ParseRole("root"); err == nil {
		t.Error("root is a role")
	}
}
