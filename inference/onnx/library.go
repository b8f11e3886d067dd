package onnx

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	ort "github.com/yalue/onnxruntime_go"

	"github.com/motionmill/motionmill/job"
)

// MinimumVersion is the oldest ONNX Runtime whose API the binding can use.
const MinimumVersion = "1.24"

const (
	nameRemedy    = "set MOTIONMILL_ORT_LIBRARY to a libonnxruntime of at least " + MinimumVersion
	libraryRemedy = "Run make setup, which puts ONNX Runtime into the cache folder, or " + nameRemedy
	cacheRemedy   = "Set HOME, or XDG_CACHE_HOME to an absolute path, as they were for make setup, or " + nameRemedy
)

// loaded is the one piece of package state here: a C library is loaded once a
// process, whatever the number of Runtimes.
var loaded struct {
	sync.Mutex
	path string
}

// FindLibrary returns the ONNX Runtime library that is used when none is named: the
// newest in the cache folder (motionmill/onnxruntime/<version>/ in the user's
// cache), else that of the system; empty when there is none.
func FindLibrary() string {
	name := libraryName()
	if folder, err := cacheFolder(); err == nil {
		if path := newestLibrary(folder, name); path != "" {
			return path
		}
	}
	for _, folder := range systemFolders() {
		matches, err := filepath.Glob(filepath.Join(folder, name+"*"))
		if err != nil || len(matches) == 0 {
			continue // The pattern is ours: only the folder's own name can spoil it.
		}
		slices.SortFunc(matches, func(a, b string) int {
			return compareVersions(strings.TrimPrefix(filepath.Base(b), name+"."), strings.TrimPrefix(filepath.Base(a), name+"."))
		})
		return matches[0]
	}
	return ""
}

func libraryName() string {
	if runtime.GOOS == "darwin" {
		return "libonnxruntime.dylib"
	}
	return "libonnxruntime.so"
}

// cacheFolder is where make setup puts libraries; an error where the user has no cache.
func cacheFolder() (string, error) {
	cache, err := os.UserCacheDir()
	return filepath.Join(cache, "motionmill", "onnxruntime"), err
}

// systemFolders are those in which the system's loader looks.
func systemFolders() []string {
	folders := filepath.SplitList(os.Getenv("LD_LIBRARY_PATH"))
	folders = append(folders, "/usr/local/lib", "/usr/lib", "/lib64", "/usr/lib64")
	triplets := map[string]string{"amd64": "x86_64-linux-gnu", "arm64": "aarch64-linux-gnu"}
	if triplet, ok := triplets[runtime.GOARCH]; ok {
		folders = append(folders, filepath.Join("/usr/lib", triplet))
	}
	return folders
}

// newestLibrary looks into the folders of root, which are named for versions.
func newestLibrary(root, name string) string {
	entries, err := os.ReadDir(root)
	if err != nil {
		return "" // No cache: the system's library is tried, and its absence is reported.
	}
	slices.SortFunc(entries, func(a, b os.DirEntry) int { return compareVersions(b.Name(), a.Name()) })
	for _, entry := range entries {
		for _, file := range []string{name + "." + entry.Name(), name} {
			path := filepath.Join(root, entry.Name(), file)
			if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
				return path
			}
		}
	}
	return ""
}

// compareVersions compares dotted numbers; what is not a number counts as -1.
func compareVersions(a, b string) int {
	return slices.Compare(versionNumbers(a), versionNumbers(b))
}

func versionNumbers(text string) []int {
	var numbers []int
	for part := range strings.SplitSeq(text, ".") {
		n, err := strconv.Atoi(part)
		if err != nil {
			n = -1
		}
		numbers = append(numbers, n)
	}
	return numbers
}

// loadLibrary loads ONNX Runtime into the process, once, and returns its version.
// All sessions share one arena of at most memory bytes; 0 is no bound.
func loadLibrary(path string, memory int64) (version string, err error) {
	if path == "" {
		folder, err := cacheFolder()
		if err != nil {
			return "", job.Fail(job.ModelMissing, "load ONNX Runtime", "", "the library is not among the system's, and there is no cache folder to look into", cacheRemedy, err)
		}
		return "", missingPart(folder, "the library is neither in this cache folder nor in the system's", nil)
	}
	if _, err := os.Stat(path); err != nil {
		return "", missingPart(path, "the library is not there", err)
	}
	loaded.Lock()
	defer loaded.Unlock()
	if ort.IsInitialized() {
		if loaded.path != path {
			return "", job.Fail(job.Internal, "load ONNX Runtime", path,
				"another library is loaded in this process already: "+loaded.path, "", nil)
		}
		return ort.GetVersion(), nil
	}
	ort.SetSharedLibraryPath(path)
	if err := ort.InitializeEnvironment(ort.WithLogLevelError()); err != nil {
		if strings.Contains(err.Error(), "API base") {
			return "", missingPart(path, "the library is older than "+MinimumVersion+", which this program needs", err)
		}
		return "", missingPart(path, "the library cannot be loaded", err)
	}
	loaded.path = path
	version = ort.GetVersion()
	if compareVersions(version, MinimumVersion) < 0 {
		return "", missingPart(path, fmt.Sprintf("the library is version %s, older than %s", version, MinimumVersion), nil)
	}
	if err := shareArena(memory); err != nil {
		return "", missingPart(path, "its memory cannot be bounded", err)
	}
	return version, nil
}

// shareArena makes the arena of all sessions of the process. It grows by what is
// asked for, where each session's own would double: three models took 135 MB with it,
// and 163 without.
func shareArena(memory int64) error {
	const asRequested = 1
	arena, err := ort.NewArenaCfgV2(map[string]int{"max_mem": int(memory), "arena_extend_strategy": asRequested})
	if err != nil {
		return fmt.Errorf("configure arena: %w", err)
	}
	defer arena.Destroy()
	place, err := ort.GetMemoryInfo()
	if err != nil {
		return fmt.Errorf("find memory of the CPU: %w", err)
	}
	if err := ort.CreateAndRegisterAllocator(place, arena); err != nil {
		return fmt.Errorf("make arena: %w", err)
	}
	return nil
}

func missingPart(path, finding string, err error) error {
	return job.Fail(job.ModelMissing, "load ONNX Runtime", path, finding, libraryRemedy, err)
}
