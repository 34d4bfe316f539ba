-- AlterTable
ALTER TABLE "Listings" ADD COLUMN "rating" DOUBLE PRECISION;
