package cloud

// Zone is a DNS zone of the played cloud.
type Zone struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	AccountID string `json:"accountId"`
}

// Record is a DNS record as the lab's DNS server answers it.
type Record struct {
	ID     string `json:"id"`
	ZoneID string `json:"zoneId"`
	// Zone is the zone's name, Name the whole name of the record in lower case.
	Zone    string `json:"zone"`
	Name    string `json:"name"`
	Type    string `json:"type"`
	Content string `json:"content"`
	// TTL is in seconds; 1 stands for automatic.
	TTL      int    `json:"ttl"`
	Proxied  bool   `json:"proxied"`
	Priority int    `json:"priority"`
	Comment  string `json:"comment"`
	// Data is the parts of records that have more than one, such as SRV and
	// CAA; Content then is the presentation format made of them.
	Data map[string]any `json:"data,omitempty"`
	Tags []string       `json:"tags,omitempty"`
	// CreatedOn and ModifiedOn are RFC 3339 times.
	CreatedOn  string `json:"createdOn"`
	ModifiedOn string `json:"modifiedOn"`
}
