package digitalocean

import (
	"math"
	"slices"
	"sort"
)

// size is a droplet plan.
type size struct {
	memory, vcpus, disk int
	// monthly is the price in dollars.
	monthly float64
}

// hourly is the price per hour: a month is billed as 672 hours.
func (s size) hourly() float64 { return math.Round(s.monthly/672*1e5) / 1e5 }

// sizes is the plans that the played account may use: the basic ones and the
// small ones of the dedicated kinds. Memory is in MiB, disk in GB.
var sizes = map[string]size{
	"s-1vcpu-512mb-10gb":       {512, 1, 10, 4},
	"s-1vcpu-1gb":              {1024, 1, 25, 6},
	"s-1vcpu-1gb-amd":          {1024, 1, 25, 7},
	"s-1vcpu-1gb-intel":        {1024, 1, 25, 7},
	"s-1vcpu-1gb-35gb-intel":   {1024, 1, 35, 8},
	"s-1vcpu-2gb":              {2048, 1, 50, 12},
	"s-1vcpu-2gb-amd":          {2048, 1, 50, 14},
	"s-1vcpu-2gb-intel":        {2048, 1, 50, 14},
	"s-1vcpu-2gb-70gb-intel":   {2048, 1, 70, 16},
	"s-2vcpu-2gb":              {2048, 2, 60, 18},
	"s-2vcpu-2gb-amd":          {2048, 2, 60, 21},
	"s-2vcpu-2gb-intel":        {2048, 2, 60, 21},
	"s-2vcpu-2gb-90gb-intel":   {2048, 2, 90, 24},
	"s-2vcpu-4gb":              {4096, 2, 80, 24},
	"s-2vcpu-4gb-amd":          {4096, 2, 80, 28},
	"s-2vcpu-4gb-intel":        {4096, 2, 80, 28},
	"s-2vcpu-4gb-120gb-intel":  {4096, 2, 120, 32},
	"s-2vcpu-8gb-amd":          {8192, 2, 100, 42},
	"s-2vcpu-8gb-160gb-intel":  {8192, 2, 160, 48},
	"s-4vcpu-8gb":              {8192, 4, 160, 48},
	"s-4vcpu-8gb-amd":          {8192, 4, 160, 56},
	"s-4vcpu-8gb-intel":        {8192, 4, 160, 56},
	"s-4vcpu-8gb-240gb-intel":  {8192, 4, 240, 64},
	"s-4vcpu-16gb-amd":         {16384, 4, 200, 84},
	"s-4vcpu-16gb-320gb-intel": {16384, 4, 320, 96},
	"s-8vcpu-16gb":             {16384, 8, 320, 96},
	"s-8vcpu-16gb-amd":         {16384, 8, 320, 112},
	"s-8vcpu-16gb-intel":       {16384, 8, 320, 112},
	"c-2":                      {4096, 2, 25, 42},
	"c-4":                      {8192, 4, 50, 84},
	"c-8":                      {16384, 8, 100, 168},
	"g-2vcpu-8gb":              {8192, 2, 25, 63},
	"g-4vcpu-16gb":             {16384, 4, 50, 126},
	"g-8vcpu-32gb":             {32768, 8, 100, 252},
	"m-2vcpu-16gb":             {16384, 2, 50, 84},
	"m-4vcpu-32gb":             {32768, 4, 100, 168},
}

// regions is where droplets can be; a droplet without a region gets the first.
var regions = []string{
	"nyc1", "nyc2", "nyc3", "ams3", "atl1", "blr1", "fra1", "lon1", "sfo2", "sfo3", "sgp1", "syd1", "tor1",
}

// images is what a droplet can be made from.
var images = []string{
	"almalinux-8-x64", "almalinux-9-x64", "almalinux-10-x64",
	"centos-stream-9-x64", "centos-stream-10-x64",
	"debian-11-x64", "debian-12-x64", "debian-13-x64",
	"fedora-41-x64", "fedora-42-x64",
	"rockylinux-8-x64", "rockylinux-9-x64", "rockylinux-10-x64",
	"ubuntu-22-04-x64", "ubuntu-24-04-x64", "ubuntu-25-04-x64",
}

// without returns a list without what is in other.
func without[T comparable](list, other []T) []T {
	return slices.DeleteFunc(slices.Clone(list), func(e T) bool { return slices.Contains(other, e) })
}

// unique is the list, sorted, without doubles and empty texts. It is never nil.
func unique(list []string) []string {
	out := without(list, []string{""})
	sort.Strings(out)
	if out = slices.Compact(out); out == nil {
		return []string{}
	}
	return out
}
