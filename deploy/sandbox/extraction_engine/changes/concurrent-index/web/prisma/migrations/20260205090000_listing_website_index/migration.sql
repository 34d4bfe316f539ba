-- CreateIndex
CREATE INDEX CONCURRENTLY "Listing_website_url_idx" ON "Listing"("website_url");
