package compose

import (
	"strings"
)

// Image is what a service runs, and where the file says so.
type Image struct {
	// Place is that of the image key.
	Place
	// Service is whose it is.
	Service string
	// Ref is the reference, Skep's substitution made.
	Ref string
}

// Images are those of all services, by the names of the services.
func (f *File) Images(r Rendering) []Image {
	var images []Image
	for _, s := range f.all() {
		ref := text(s.body["image"])
		if substitute, ok := r.Images[ref]; ok {
			ref = substitute
		}
		images = append(images, Image{f.at(s.path("image")...), s.name, ref})
	}
	return images
}

// Registry is the host of the registry that has the image.
func (i Image) Registry() string {
	host, _, slash := strings.Cut(i.Ref, "/")
	if slash && (strings.ContainsAny(host, ".:") || host == "localhost") {
		return host
	}
	return "docker.io"
}

// Pinned says whether the reference has a digest.
func (i Image) Pinned() bool { return digest.MatchString(i.Ref) }

// UsedLogins are those of registries that the stack's images come from: the
// password of another one changes nothing here.
func (f *File) UsedLogins(r Rendering, logins map[string]Login) map[string]Login {
	used := map[string]Login{}
	for _, image := range f.Images(r) {
		if login, known := logins[image.Registry()]; known {
			used[image.Registry()] = login
		}
	}
	return used
}
