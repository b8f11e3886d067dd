package auth

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// maxUserName is the longest name of a user, in bytes.
const maxUserName = 64

// Errors about users that are there, or are not.
var (
	ErrNoUser     = errors.New("there is no such user")
	ErrUserExists = errors.New("there is a user of that name already")
)

// AccountsConfig says where users are kept.
type AccountsConfig struct {
	// DB is a SQLite database with foreign keys on and transactions that take
	// the write lock when they begin. The tables are made when they are not
	// there. Several processes may use it at once. The caller closes it.
	DB *sql.DB
	// Cost of a password's hash. Default: DefaultCost.
	Cost Cost
}

// Accounts is a store of users, and of the sessions that they have. It is safe
// for concurrent use.
type Accounts struct {
	db       *sql.DB
	hasher   *hasher
	attempts *attempts
	// decoy is hashed for names that nobody has, so that they take as long.
	decoy     string
	accessKey []byte
	grantKey  []byte
	parser    *jwt.Parser
}

// User is somebody who may sign in.
type User struct {
	Name string
	Role Role
	// CreatedAt and PasswordAt are when the user was added and the password set.
	CreatedAt  time.Time
	PasswordAt time.Time
	// Sessions is how many sessions are open.
	Sessions int
}

// Times are Unix seconds. A user's sessions go with the user.
const accountTables = `
CREATE TABLE IF NOT EXISTS auth_users (
	name        TEXT PRIMARY KEY,
	hash        TEXT NOT NULL,
	role        TEXT NOT NULL,
	created_at  INTEGER NOT NULL,
	password_at INTEGER NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS auth_sessions (
	id         TEXT PRIMARY KEY,
	user       TEXT NOT NULL REFERENCES auth_users(name) ON DELETE CASCADE,
	token      BLOB NOT NULL,
	created_at INTEGER NOT NULL,
	expires_at INTEGER NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS auth_sessions_of_user ON auth_sessions(user, created_at);
CREATE TABLE IF NOT EXISTS auth_secrets (
	name  TEXT PRIMARY KEY,
	value BLOB NOT NULL
) STRICT;`

// OpenAccounts makes the tables where they are not, and the secret that signs
// tokens: it stays in the database, so that tokens outlive the process.
func OpenAccounts(ctx context.Context, cfg AccountsConfig) (*Accounts, error) {
	if cfg.Cost == (Cost{}) {
		cfg.Cost = DefaultCost()
	}
	a := &Accounts{
		db: cfg.DB, hasher: newHasher(cfg.Cost), attempts: newAttempts(),
		parser: newParser([]string{jwt.SigningMethodHS256.Alg()}, ownIssuer, accessAudience),
	}
	var err error
	if a.decoy, err = a.hasher.hash(ctx, rand.Text()); err != nil {
		return nil, fmt.Errorf("open the store of users: %w", err)
	}
	var secret []byte
	err = a.change(ctx, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, accountTables); err != nil {
			return err
		}
		fresh := make([]byte, minSecret)
		_, _ = rand.Read(fresh) // crypto/rand's Read never fails
		if _, err := tx.ExecContext(ctx, "INSERT OR IGNORE INTO auth_secrets VALUES ('tokens', ?)", fresh); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, "SELECT value FROM auth_secrets WHERE name = 'tokens'").Scan(&secret)
	})
	if err != nil {
		return nil, fmt.Errorf("open the store of users: %w", err)
	}
	if a.accessKey, err = deriveKey(secret, "access"); err != nil {
		return nil, fmt.Errorf("open the store of users: %w", err)
	}
	if a.grantKey, err = deriveKey(secret, "grants"); err != nil {
		return nil, fmt.Errorf("open the store of users: %w", err)
	}
	return a, nil
}

// GrantKey gives the secret for NewGrants that goes with these users.
func (a *Accounts) GrantKey() []byte { return a.grantKey }

// userName brings a name into its one spelling, and refuses what is none.
func userName(name string) (string, error) {
	name = strings.ToLower(strings.TrimSpace(name))
	if name == "" || len(name) > maxUserName || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789.-_@+") != "" {
		return "", fmt.Errorf("a user's name has 1 to %d of a-z, 0-9 and . - _ @ +", maxUserName)
	}
	return name, nil
}

// Add adds a user, or fails with ErrUserExists.
func (a *Accounts) Add(ctx context.Context, name, password string, role Role) error {
	name, err := userName(name)
	if err != nil {
		return fmt.Errorf("add user: %w", err)
	}
	if role == None {
		return fmt.Errorf("add user %s: a role is needed: viewer, uploader or admin", name)
	}
	if err := checkPassword(name, password); err != nil {
		return fmt.Errorf("add user %s: %w", name, err)
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("add user %s: %w", name, err)
	}
	now := time.Now().Unix()
	done, err := a.db.ExecContext(ctx, "INSERT INTO auth_users VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", name, hash, role.String(), now, now)
	return touched(done, err, "add user "+name, ErrUserExists)
}

// SetPassword gives a user a new password and ends all sessions of the user.
func (a *Accounts) SetPassword(ctx context.Context, name, password string) error {
	name, err := userName(name)
	if err != nil {
		return fmt.Errorf("set the password: %w", err)
	}
	op := "set the password of " + name
	if err := checkPassword(name, password); err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	hash, err := a.hasher.hash(ctx, password)
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return a.change(ctx, func(tx *sql.Tx) error {
		done, err := tx.ExecContext(ctx, "UPDATE auth_users SET hash = ?, password_at = ? WHERE name = ?", hash, time.Now().Unix(), name)
		if err := touched(done, err, op, ErrNoUser); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, "DELETE FROM auth_sessions WHERE user = ?", name)
		return err
	})
}

// SetRole gives a user another role; it holds from the next request on.
func (a *Accounts) SetRole(ctx context.Context, name string, role Role) error {
	name, err := userName(name)
	if err != nil {
		return fmt.Errorf("set the role: %w", err)
	}
	if role == None {
		return fmt.Errorf("set the role of %s: it must be viewer, uploader or admin; to shut a user out, remove it", name)
	}
	done, err := a.db.ExecContext(ctx, "UPDATE auth_users SET role = ? WHERE name = ?", role.String(), name)
	return touched(done, err, "set the role of "+name, ErrNoUser)
}

// Remove removes a user and ends all sessions of the user. What the user
// uploaded stays, for admins and for whoever gets the name next.
func (a *Accounts) Remove(ctx context.Context, name string) error {
	name, err := userName(name)
	if err != nil {
		return fmt.Errorf("remove user: %w", err)
	}
	done, err := a.db.ExecContext(ctx, "DELETE FROM auth_users WHERE name = ?", name)
	return touched(done, err, "remove user "+name, ErrNoUser)
}

// List gives all users by name.
func (a *Accounts) List(ctx context.Context) ([]User, error) {
	rows, err := a.db.QueryContext(ctx, `SELECT name, role, created_at, password_at,
		(SELECT count(*) FROM auth_sessions WHERE user = name AND expires_at > ?) FROM auth_users ORDER BY name`, time.Now().Unix())
	if err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	defer rows.Close()
	var users []User
	for rows.Next() {
		var u User
		var role string
		var created, password int64
		if err := rows.Scan(&u.Name, &role, &created, &password, &u.Sessions); err != nil {
			return nil, fmt.Errorf("list users: %w", err)
		}
		if u.Role, err = ParseRole(role); err != nil {
			return nil, fmt.Errorf("list users: %s: %w", u.Name, err)
		}
		u.CreatedAt, u.PasswordAt = time.Unix(created, 0).UTC(), time.Unix(password, 0).UTC()
		users = append(users, u)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("list users: %w", err)
	}
	return users, nil
}

// touched fails with none when a statement changed no row.
func touched(done sql.Result, err error, op string, none error) error {
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	count, err := done.RowsAffected()
	if err == nil && count == 0 {
		err = none
	}
	if err != nil {
		return fmt.Errorf("%s: %w", op, err)
	}
	return nil
}

// change runs f in a transaction that holds the write lock.
func (a *Accounts) change(ctx context.Context, f func(*sql.Tx) error) error {
	tx, err := a.db.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	if err := f(tx); err != nil {
		_ = tx.Rollback() // Why it failed says more than why it could not be undone.
		return err
	}
	return tx.Commit()
}
