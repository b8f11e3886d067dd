package worker

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// The mutants that leave out what keeps strangers and clumsy users out. Each is
// tried with a few tests of its folder alone.

// tableOfGuards is the file with their table, between the same lines as that
// of the protocol.
const tableOfGuards = "docs/security.md"

func guards() []section {
	return []section{
		{"Tokens", mutantsOfTokens()},
		{"Whose it is", mutantsOfOwners()},
		{"Links and cookies", mutantsOfGrants()},
		{"Addresses, paths and names", mutantsOfAddresses()},
		{"Bodies, streams and origins", mutantsOfRequests()},
	}
}

// TestGuardMutants runs the tests on each mutant and writes the table of what
// caught it. It takes some minutes; make mutants runs it.
func TestGuardMutants(t *testing.T) {
	if os.Getenv(mutantsVariable) == "" {
		t.Skipf("%s is not set; make mutants runs this", mutantsVariable)
	}
	sound := map[string]bool{}
	tabulate(t, tableOfGuards, "guard", guards(), func(m mutant, t *testing.T) string {
		if test := m.folder() + m.unit; !sound[test] {
			sound[test] = true
			binary := filepath.Join(t.TempDir(), "tests")
			build(t, binary, m.folder())
			if failed := runStage(t, binary, m.folder(), stint{run: m.unit, slow: true}); len(failed) > 0 {
				t.Fatalf("fails on the code as it is: %q", failed)
			}
		}
		var found catch
		found.add("", runStage(t, compile(t, m.overlay(t), m.folder()), m.folder(), stint{run: m.unit, slow: true}))
		if found.empty() {
			t.Errorf("no test fails when the guard is left out: %s", m.rule)
		}
		return fmt.Sprintf("`%s`: %s", m.folder(), found.String())
	})
}

func mutantsOfTokens() []mutant {
	const file, claims = "auth/verifier.go", "^Test(ClaimsThatAreNotForUs|ForgedTokens|AlgorithmNone|HS256WithThePublicKey)$"
	return []mutant{
		{name: "audience", rule: "`aud` must hold us", instead: "any", file: file, unit: claims,
			swaps: []swap{{`, jwt.WithAudience(audience),`, `,`}}},
		{name: "issuer", rule: "`iss` must be the issuer", instead: "any", file: file, unit: claims,
			swaps: []swap{{`, jwt.WithIssuer(issuer)`, ``}}},
		{name: "expiry", rule: "a token must have an end", instead: "one without lives for ever", file: file, unit: claims,
			swaps: []swap{{`jwt.WithExpirationRequired(), `, ``}}},
		{name: "algorithm-none", rule: "`alg: none` is refused", instead: "it is taken", file: file, unit: "^TestAlgorithmNone$",
			swaps: []swap{{`methods := []string{"HS256"}`, `methods := []string{"HS256", "none"}`},
				{`return v.cfg.Secret, nil`, "if t.Method.Alg() == \"none\" {\n\t\t\t\treturn jwt.UnsafeAllowNoneSignatureType, nil\n\t\t\t}\n\t\t\treturn v.cfg.Secret, nil"}}},
		{name: "algorithm-of-key", rule: "a key that its issuer pinned to an algorithm verifies no other", instead: "any that fits its kind", file: "auth/jwk.go", unit: "^Test(HS256WithThePublicKey|AKeyPinnedToItsAlgorithm|EveryKindOfKey)$",
			swaps: []swap{{`if k.algorithm != "" && k.algorithm != algorithm {`, `if false {`}}},
		{name: "algorithms", rule: "the algorithms are those of the configuration: a public key is no secret for HS256", instead: "the token says which", file: file, unit: claims,
			swaps: []swap{{`jwt.WithValidMethods(methods), `, ``}}},
		{name: "refresh-reuse", rule: "a refresh token that comes twice ends its session", instead: "only that call is refused", file: "auth/sessions.go", unit: "^TestReusedRefreshTokenEndsTheSession$",
			swaps: []swap{{"_, err := tx.ExecContext(ctx, \"DELETE FROM auth_sessions WHERE id = ?\", session)\n\t\t\treturn err", `return nil`}}},
		{name: "logout", rule: "signing out ends the session", instead: "its tokens live on", file: "auth/sessions.go", unit: "^TestSignInAndOut$",
			swaps: []swap{{`if _, err := a.db.ExecContext(ctx, "DELETE FROM auth_sessions WHERE id = ?", session); err != nil {`, `if err := ctx.Err(); err != nil {`}}},
		{name: "guessing", rule: "wrong passwords are counted", instead: "they are not", file: "auth/sessions.go", in: "api", unit: "^TestGuessingOverHTTP$",
			swaps: []swap{{`if err := a.attempts.begin(name, address); err != nil {`, `if err := ctx.Err(); err != nil {`}}},
	}
}

func mutantsOfOwners() []mutant {
	const unit = "^Test(AnotherOwnersJobIsNotThere|EveryCallOfAJobAsksWhoseItIs)$"
	// of leaves the question out of one call, whose function begins as given.
	of := func(name, call, file, begins string) mutant {
		return mutant{name: "owner-of-" + name, rule: call + " asks whose job it is", instead: "anybody's will do", file: file, unit: unit, swaps: []swap{{
			begins + "rec, p := a.record(ctx, in.ID)\n\tif p != nil {",
			begins + "rec, unread := a.cfg.Ledger.Get(ctx, in.ID)\n\tif p := noJob(in.ID); unread != nil {",
		}}}
	}
	return []mutant{
		{name: "owner", rule: "another owner's job is not there", instead: "every job is", file: "api/jobs.go", unit: unit,
			swaps: []swap{{`rec.State == job.None || !a.mayRead(ctx, rec)`, `rec.State == job.None`}}},
		of("job", "reading", "api/jobs.go", "(*jobOutput, error) {\n\t"),
		of("files", "a file", "api/files.go", "(*fileOutput, error) {\n\t"),
		of("events", "the stream of events", "api/events.go", "(*huma.StreamResponse, error) {\n\t"),
		of("shares", "sharing", "api/sharing.go", "(*shareOutput, error) {\n\t"),
		of("playback", "playback", "api/sharing.go", "(*playbackOutput, error) {\n\t"),
		of("links", "the list of links", "api/links.go", "(*shareListOutput, error) {\n\t"),
		of("unshare", "calling a link back", "api/links.go", "}) (*struct{}, error) {\n\t"),
		{name: "owner-of-cancel", rule: "cancelling asks whose job it is", instead: "anybody's will do", file: "api/actions.go", unit: unit,
			swaps: []swap{{"rec, p := a.record(ctx, in.ID)\n\t\tif p != nil {", "rec, unread := a.cfg.Ledger.Get(ctx, in.ID)\n\t\tif p := noJob(in.ID); unread != nil {"}}},
		{name: "owner-of-retry", rule: "retry and redrive ask whose job it is", instead: "anybody's will do", file: "api/actions.go", unit: unit,
			swaps: []swap{{"rec, p := a.record(ctx, id)\n\tif p != nil {", "rec, unread := a.cfg.Ledger.Get(ctx, id)\n\tif p := noJob(id); unread != nil {"}}},
		{name: "owner-of-uploads", rule: "an upload's id leads to the uploads of whoever asks", instead: "to whose it was", file: "api/uploadid.go", unit: "^Test(UploadsBelongToWhoeverAsked|AnotherOwnersUploadIsNotThere)$",
			swaps: []swap{{`u := upload{token: token, owner: owner,`, `u := upload{token: token, owner: "anna",`}}},
		{name: "owner-of-imports", rule: "an import is its owner's", instead: "whoever knows the id sees it", file: "api/imports.go", unit: "^TestAnotherOwnersImportIsNotThere$",
			swaps: []swap{{`ok && live.Key == u.key()`, `ok`}}},
		{name: "owner-of-lists", rule: "a list, and a redrive of all, hold one's own jobs", instead: "all jobs", file: "api/access.go", unit: "^TestListsHoldOwnJobs$",
			swaps: []swap{{`f.KeyPrefix = ownerPrefix(who.Subject)`, `f.KeyPrefix = "uploads/"`}}},
		{name: "owner-of-keys", rule: "an Idempotency-Key is its owner's", instead: "anybody's answer is given again", file: "api/idempotency.go", unit: "^TestAnOwnersKeyIsNotAnothers$",
			swaps: []swap{{`[]string{OwnerFrom(r.Context()), r.URL.RequestURI(), key}`, `[]string{r.URL.RequestURI(), key}`}}},
		{name: "roles", rule: "a call takes its role", instead: "any role will do", file: "api/access.go", unit: "^TestRolesOfCalls$",
			swaps: []swap{{`case who.Role < need:`, `case who.Role < need && need > auth.Admin:`}}},
		{name: "nobody", rule: "what is not named as open needs a credential", instead: "nobody may do everything", file: "api/access.go", unit: "^TestNothingIsAnsweredWithoutACredential$",
			swaps: []swap{{"case !ok:\n\t\treturn unknownCaller()", "case !ok:\n\t\treturn nil"}, {"if p, refused := ctx.Value(refusalKey{}).(*Problem); refused {", "if p, refused := ctx.Value(refusalKey{}).(*Problem); refused && p.Type != ProblemPrefix+problemUnknown {"}}},
		{name: "imports-of-one", rule: "one owner's imports take half of the places", instead: "all of them", file: "api/importing.go", unit: "^TestImportsOfOneOwnerDoNotHoldUpOthers$",
			swaps: []swap{{`max(1, cap(i.places)/2)`, `cap(i.places)`}}},
	}
}

func mutantsOfGrants() []mutant {
	const file, unit = "api/access.go", "^Test(ShareLink.*|PlaybackCookie|StreamsEndWithTheirCredential|StreamsOfALinkEndSoon)$"
	const cookies = "^Test(SignInForBrowsers|CookiesAreSecureBehindTLS|PlaybackCookie|ShareLink)$"
	return []mutant{
		{name: "grant-of-a-job", rule: "a link is good for one job", instead: "for all", file: file, unit: unit,
			swaps: []swap{{`return who.Job == rec.ID`, `return true`}}},
		{name: "grant-reads", rule: "… and for reading alone", instead: "for every call", file: file, unit: unit,
			swaps: []swap{{`token != "" && forGrants(pattern)`, `token != ""`}, {`case who.Job != "" && !forGrants(pattern):`, `case who.Job != "" && need > auth.Admin:`}}},
		{name: "grant-purpose", rule: "a link is no cookie, and no cookie a link", instead: "either is both", file: "auth/grants.go", unit: "^TestGrants$",
			swaps: []swap{{`deriveKey(secret, string(purpose))`, `deriveKey(secret, "grant")`}, {`ownIssuer, string(purpose))`, `ownIssuer, "")`}}},
		{name: "grant-end", rule: "a link ends when it says", instead: "half a minute later", file: "auth/grants.go", unit: "^TestGrants$",
			swaps: []swap{{`if !time.Now().Before(grant.Expires) {`, `if grant.Expires.IsZero() {`}}},
		{name: "link-called-back", rule: "a link that was called back is not good", instead: "until its end", file: file, unit: unit,
			swaps: []swap{{`if err == nil && grant.Link != "" {`, `if err == nil && grant.Link == "-" {`}}},
		{name: "link-elsewhere", rule: "… nor on another process of the API", instead: "what was seen once is good", file: "api/links.go", unit: unit,
			swaps: []swap{{`if time.Now().Before(until) {`, `if !until.IsZero() {`}}},
		{name: "stream-end", rule: "a stream ends with its credential", instead: "an hour later", file: file, unit: unit,
			swaps: []swap{{`ends := who.Expires`, `ends := who.Expires.Add(time.Hour)`}}},
		{name: "cookie-scripts", rule: "scripts cannot read the cookies", instead: "they can", file: "api/signin.go", unit: cookies,
			swaps: []swap{{`HttpOnly: true, `, ``}}},
		{name: "cookie-sites", rule: "other sites' pages do not send them along", instead: "links from there do", file: "api/signin.go", unit: cookies,
			swaps: []swap{{`http.SameSiteStrictMode`, `http.SameSiteLaxMode`}}},
		{name: "cookie-https", rule: "behind TLS they never go in the clear", instead: "they do", file: "api/signin.go", unit: cookies,
			swaps: []swap{{`Secure: strings.HasPrefix(origin, "https://"), `, `Secure: origin == "", `}}},
		{name: "cookie-path", rule: "a playback cookie is sent to its job alone", instead: "to all", file: "api/sharing.go", unit: cookies,
			swaps: []swap{{`token, jobsPath+grant.Job, grant.Expires`, `token, "/v1", grant.Expires`}}},
		{name: "kept-tokens", rule: "no token of a link is kept for an Idempotency-Key", instead: "it lies in the bucket for a day", file: "api/idempotency.go", unit: "^TestIdempotencyKeepsNoTokens$",
			swaps: []swap{{`if key == "" || !repeats(r.Method, r.URL.Path) {`, `if key == "" || strings.HasPrefix(r.URL.Path, "/v1/auth/") {`}}},
		{name: "log", rule: "a token in an address is not logged", instead: "the whole address is", file: "api/request.go", unit: "^TestNoSecretGetsIntoTheLog$",
			swaps: []swap{{`"path", r.URL.Path, "status"`, `"path", r.URL.String(), "status"`}}},
	}
}

func mutantsOfAddresses() []mutant {
	const outward, unit = "api/outward/outward.go", "^Test(AddressesThatAreNotPublicAreRefused|ConnectionsAreRefusedWithoutALookAtTheURL|Redirects.*|NamesThatChange|SecretsAreNotTakenAlongByRedirects)$"
	return []mutant{
		{name: "address-public", rule: "only public addresses are connected to", instead: "all", file: outward, unit: unit,
			swaps: []swap{{`if !Public(target.Addr()) {`, `if !target.Addr().IsValid() {`}}},
		{name: "address-connected", rule: "the address is checked when it is connected to, the name resolved", instead: "the name alone is", file: outward, unit: unit,
			swaps: []swap{{`, ControlContext: g.control}`, `}`}}},
		{name: "address-redirect", rule: "every redirect is checked", instead: "the first address alone", file: outward, unit: unit,
			swaps: []swap{{"\t\tCheckRedirect: g.redirect,\n", ""}}},
		{name: "address-spelling", rule: "an address in an unusual spelling is refused", instead: "left to the resolver", file: outward, unit: unit,
			swaps: []swap{{`if endsInNumber(name) {`, `if name == "" {`}}},
		{name: "redirect-secret", rule: "an authorization goes to the first server alone", instead: "to its other ports and names below", file: outward, unit: unit,
			swaps: []swap{{`next.Header.Del("Authorization")`, `next.Header.Del("X-None")`}}},
		{name: "redirect-referer", rule: "the address before is told to nobody", instead: "to whom it redirects to", file: outward, unit: unit,
			swaps: []swap{{`next.Header.Del("Referer")`, `next.Header.Del("X-None")`}}},
		{name: "path-listed", rule: "only files that the manifest lists are given", instead: "any path", file: "api/files.go", unit: "^Test(PathsThatLeadElsewhere|FilesOfTheCommittedAttemptOnly)$",
			swaps: []swap{{`if !m.has(in.Path) {`, `if !m.has(in.Path) && in.Path == "" {`}}},
		{name: "path-manifest", rule: "a manifest that leads elsewhere is not believed", instead: "it is", file: "api/manifest.go", unit: "^TestManifestThatLeadsElsewhere$",
			swaps: []swap{{`if f.Path == "" || path.Clean("/"+f.Path) != "/"+f.Path {`, `if path.Clean(f.Path) == "" {`}}},
		{name: "name-code", rule: "of a name letters, digits and a few signs become part of the key", instead: "all of it", file: "api/uploadid.go", unit: "^Test(NamesThatAreCode|SafeName)$",
			swaps: []swap{{"default:\n\t\t\treturn '_'", "default:\n\t\t\treturn r"}}},
	}
}

func mutantsOfRequests() []mutant {
	const guard = "api/guard.go"
	return []mutant{
		{name: "body-size", rule: "a body is a mebibyte at most", instead: "any", file: guard, unit: "^TestABodyOfAGigabyteIsRefusedEarly$",
			swaps: []swap{{`if r.ContentLength > maxBody {`, `if r.ContentLength > 1<<40 {`}, {`r.Body = http.MaxBytesReader(w, r.Body, 2*maxBody)`, `_ = maxBody`}}},
		{name: "webhook-hangs", rule: "an endpoint of webhooks has fifteen seconds to answer", instead: "as long as it likes", file: "notice/try.go",
			unit: "^TestAnEndpointThatHangsHoldsUpNobody$", swaps: []swap{{`context.WithTimeout(ctx, tryWithin)`, `context.WithCancel(ctx)`}}},
		{name: "body-time", rule: "a body comes within five seconds, whether it is read or not", instead: "where the framework reads it", file: guard, unit: "^TestABodyThatDribblesIsCutOff$",
			swaps: []swap{{`if r.ContentLength == 0 {`, `if r.ContentLength >= -1 {`}}},
		{name: "body-over", rule: "… and once it has come there is no hurry", instead: "the call is broken off", file: guard, unit: "^TestABodyThatHasComeHasNoDeadline$",
			swaps: []swap{{`if errors.Is(err, io.EOF) {`, `if errors.Is(err, io.ErrNoProgress) {`}}},
		{name: "headers-time", rule: "headers come within ten seconds", instead: "whenever they like", file: "api/server.go", unit: "^TestSlowlorisIsCutOff$",
			swaps: []swap{{`ReadHeaderTimeout: 10 * time.Second,`, `ReadHeaderTimeout: 10 * time.Hour,`}}},
		{name: "streams-reads", rule: "a job that many watch is read once for all", instead: "for each", file: "api/streams.go", unit: "^TestTenThousandEventStreams$",
			swaps: []swap{{`w := s.watched[id]`, `w := s.watched[""]`}}},
		{name: "origin", rule: "another site's page changes nothing", instead: "with the cookies of who looks at it", file: guard, unit: "^TestOtherOriginsCannotChangeAnything$",
			swaps: []swap{{`if err := http.NewCrossOriginProtection().Check(r); err != nil {`, `if r.Method == "" {`}}},
		{name: "host", rule: "a name that is not ours is refused", instead: "DNS may lead any name here", file: guard, unit: "^TestHostsThatAreServed$",
			swaps: []swap{{`if !a.knownHost(r.Host) {`, `if r.Host == "" {`}}},
		{name: "policy", rule: "scripts are the page's own files", instead: "those in the markup as well", file: "api/page.go", unit: "^TestHeadersThatKeepBrowsersIn$",
			swaps: []swap{{`script-src 'self';`, `script-src 'self' 'unsafe-inline';`}}},
		{name: "webhook-redirect", rule: "a webhook is not redirected", instead: "an endpoint may lead it anywhere", file: "notice/deliver.go", unit: "^TestRedirectsAreNotFollowed$",
			swaps: []swap{{`error { return http.ErrUseLastResponse }`, `error { return nil }`}}},
	}
}
